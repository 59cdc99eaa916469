// Package row is how a posture.Result lies in the table posture_log: the columns, the conversion both ways, and what is
// refused before it reaches a database. It knows no database: sqlite and postgres are the doors to those.
package row
