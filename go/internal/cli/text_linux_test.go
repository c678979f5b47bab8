package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDropText holds that most of the program leaves memory, and that it runs
// on without.
func TestDropText(t *testing.T) {
	before := residentCode(t)
	if err := dropText(); err != nil {
		t.Fatal(err)
	}
	if after := residentCode(t); after >= before {
		t.Errorf("%d KB of code in memory, %d KB before", after, before)
	}
}

// residentCode is how much of the program's code is in memory, in KB.
func residentCode(t *testing.T) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	total, inside := 0, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.Contains(line, "-") && strings.Contains(line, " 00") {
			inside = strings.Contains(line, " r-xp ") && strings.HasSuffix(line, self)
		}
		var kb int
		if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kb); n == 1 && inside {
			total += kb
		}
	}
	return total
}
