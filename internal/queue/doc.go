// Package queue keeps every accepted capture until its result is recorded: in the streams of a NATS JetStream server
// inside the process, with a folder, or of one outside that several hubs may share. Devices' pictures go in with Accept, workers
// take them out one by one under a lease with Claim, hand their results back with HandIn and acknowledge. What can't be
// analysed goes to the dead letters; what was ever accepted stands in the journal.
//
// It refuses to forget: Accept returns only when picture and journal entry are committed, a full queue refuses instead
// of discarding, and nothing leaves the queue except by an acknowledgement or as a dead letter. It refuses to look into
// pictures, and nothing outside this package sees NATS. The order of writes, and what a crash between two of them
// leaves behind, is in DESIGN.md.
package queue
