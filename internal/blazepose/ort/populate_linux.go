package ort

import "syscall"

// mapPopulate reads the pages ahead in one go instead of a fault every 64 KiB.
const mapPopulate = syscall.MAP_POPULATE
