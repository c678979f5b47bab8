package cli

import (
	"crypto/x509"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// trust lets TLS to providers be checked where the system has no certificate
// authorities, as in an image that holds nothing but the program.
func trust() {
	system, err := x509.SystemCertPool()
	if err == nil && !system.Equal(x509.NewCertPool()) {
		return
	}
	roots := x509.NewCertPool()
	for c := range bundle.Roots() {
		cert, err := x509.ParseCertificate(c.Certificate)
		if err != nil {
			continue // one that is broken vouches for nobody
		}
		if c.Constraint == nil {
			roots.AddCert(cert)
		} else {
			roots.AddCertWithConstraint(cert, c.Constraint)
		}
	}
	x509.SetFallbackRoots(roots)
}
