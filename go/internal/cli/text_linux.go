package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// dropText takes the program's own code out of this process's memory: what
// only the start needed stays on disk from then on, the rest comes back as it
// is run, usually out of the system's cache. Code is the one kind of mapping
// that is never written to; read-only data may have been, while it was loaded.
func dropText() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to uintptr
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			return fmt.Errorf("a line of /proc/self/maps: %w", err)
		}
		if mode != "r-xp" || !strings.HasSuffix(lines.Text(), " "+self) {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("giving back %s: %w", lines.Text(), errno)
		}
	}
	return lines.Err()
}
