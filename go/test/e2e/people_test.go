package e2e_test

import "regexp"

var shownKey = regexp.MustCompile(`(?m)^ +(tok_\S+)$`)

// rootKey finds the administrator's first key in what a daemon said.
func rootKey(logs string) string {
	found := shownKey.FindStringSubmatch(logs)
	if found == nil {
		return ""
	}
	return found[1]
}
