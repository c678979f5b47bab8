// Package service keeps a gateway running without a terminal: detached, with a
// record in its data folder that says where it is, or as a service of the
// system. It starts programs and writes units; it must not know what the
// program does.
package service
