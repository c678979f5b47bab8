package cli

import "runtime/debug"

// gcPercent trades memory under load, where a call leaves some 20 KB behind,
// for less work of the collector.
const gcPercent = 300

// tuneMemory gives back what the start took and sets the collector's pace,
// unless the owner has set one (GOGC).
func tuneMemory() error {
	const usual = 100
	if was := debug.SetGCPercent(gcPercent); was != usual {
		debug.SetGCPercent(was)
	}
	debug.FreeOSMemory()
	return dropText()
}
