package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const noProxy = "none"

// checkListen reads an address to listen on and tells whether it can be
// reached from other machines.
func checkListen(address string) (beyond bool, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, flaw(fmt.Sprintf("%q is no address.", address), "Write host:port, such as 127.0.0.1:8081.")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false, flaw(fmt.Sprintf("%q is no port.", port), "Write a number from 0 to 65535.")
	} else if host == "" {
		return true, nil
	} else if _, isIP := netip.ParseAddr(host); isIP != nil && !validHost(host) {
		return false, flaw(fmt.Sprintf("%q is no host.", host), fmt.Sprintf("Write an IP address, such as 127.0.0.1:%d.", n))
	}
	return !loopback(host), nil
}

// loopback reports whether a host is this machine and nothing else. Names
// other than localhost are not looked up: what they mean can change.
func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// private reports whether a host is in a network of one's own, as far as its
// name tells.
func private(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	local := strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".lan") || strings.HasSuffix(host, ".internal")
	return loopback(host) || local || !strings.Contains(host, ".")
}

func validHost(host string) bool {
	for i := range len(host) {
		c := host[i]
		if c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return host != ""
}

// checkHost refuses what is no host name in a list of hosts.
func checkHost(name string) error {
	if name == "*" {
		return nil
	}
	host := name
	if h, port, err := net.SplitHostPort(name); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			host = h
		}
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || validHost(host) {
		return nil
	}
	fix := "Write a name such as gateway.lan."
	if u, err := url.Parse(name); err == nil && validHost(u.Hostname()) {
		fix = "Write " + u.Host + "."
	}
	return flaw(fmt.Sprintf("%q is no host name.", name), fix)
}

// checkBaseURL refuses addresses that no provider can have. It shows no more
// of one that holds a password than its host.
func checkBaseURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		if err == nil && u.User != nil {
			text = u.Redacted()
		}
		return flaw(fmt.Sprintf("%q is no address of a service.", text), "Write a URL that begins with https:// or http://.")
	case u.User != nil:
		return flaw(fmt.Sprintf("The address of %s holds a user name or password.", u.Host), "Use api_key or headers.")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return flaw(fmt.Sprintf("The address of %s holds a query.", u.Host), "Leave out what follows ? or #.")
	}
	return nil
}

// checkDatabase refuses URLs of databases that the gateway cannot use.
func checkDatabase(text string) error {
	scheme, _, ok := strings.Cut(text, ":")
	if text == "" || ok && slices.Contains([]string{"postgres", "postgresql", "sqlite"}, scheme) {
		return nil
	}
	return flaw("This is no URL of a PostgreSQL or SQLite database.", "Write postgres://user:password@host/name, or sqlite:/path/to/file.")
}

// readProxy reads the URL of a proxy. Variables of other programs often leave
// http:// out.
func readProxy(text string) (secret.Secret, error) {
	if text == "" || text == noProxy {
		return secret.New(text), nil
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return secret.Secret{}, flaw("This is no URL of a proxy.", "Write http://host:port, https://host:port or socks5://host:port, or none.")
	}
	return secret.New(text), nil
}

// ProxyFor returns the proxy by which p reaches the service at base, nil for
// none.
func (c *Config) ProxyFor(p *Provider, base *url.URL) (*url.URL, error) {
	own := p.Proxy.Reveal()
	if own == noProxy {
		return nil, nil //nolint:nilnil // none is an answer, as with http.Transport.Proxy
	}
	if own != "" {
		return url.Parse(own)
	}
	plain := func(s secret.Secret) string {
		if s.Reveal() == noProxy {
			return ""
		}
		return s.Reveal()
	}
	shared := httpproxy.Config{
		HTTPSProxy: plain(c.Proxy.HTTPS), HTTPProxy: plain(c.Proxy.HTTP), NoProxy: strings.Join(c.Proxy.Exclude, ","),
	}
	return shared.ProxyFunc()(base)
}

// showURL writes a URL without its password and without its query, where
// passwords may hide too.
func showURL(s secret.Secret) string {
	if s.Empty() || s.Reveal() == noProxy {
		return s.Reveal()
	}
	u, err := url.Parse(s.Reveal())
	if err != nil || u.Host == "" && u.Scheme != "sqlite" {
		return s.String()
	}
	user := ""
	if u.User != nil {
		user = u.User.Username()
		if _, ok := u.User.Password(); ok {
			user += ":" + s.String()
		}
		user += "@"
	}
	if u.Opaque != "" {
		return u.Scheme + ":" + u.Opaque
	}
	slashes := "//"
	if u.Host == "" && u.User == nil {
		slashes = ""
	}
	return u.Scheme + ":" + slashes + user + u.Host + u.EscapedPath()
}

// hidden returns what is secret in a URL: its password, and all of it where
// more may hide in a query.
func hidden(s secret.Secret) []secret.Secret {
	u, err := url.Parse(s.Reveal())
	if err != nil {
		return []secret.Secret{s}
	}
	var out []secret.Secret
	if u.User != nil {
		word, _ := u.User.Password()
		out = append(out, secret.New(word))
	}
	if u.RawQuery == "" {
		return out
	}
	for name, values := range u.Query() {
		if strings.Contains(strings.ToLower(name), "pass") {
			for _, word := range values {
				out = append(out, secret.New(word))
			}
		}
	}
	return append(out, s)
}
