package cli

// Time zones for machines that have none, such as an empty image: dates on the
// command line are those of TZ.
import _ "time/tzdata"
