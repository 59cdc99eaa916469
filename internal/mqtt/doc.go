// Package mqtt holds the words of the MQTT side: a message as it came from a device, the topics that pictures come on and
// results go out on, the names that devices may have, and what an account may do. It does no input or output and knows no
// broker; the packages below it do.
package mqtt
