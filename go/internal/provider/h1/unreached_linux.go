package h1

import "golang.org/x/sys/unix"

// unreached reports whether the peer's system has acknowledged nothing of the
// request under way. After the end of the peer's stream, which acknowledges
// all that came before it, that proves that no server has read the request.
// After a reset it proves that none had it for longer than an acknowledgement
// may be delayed (40 ms): too short to have worked on it.
func (cn *conn) unreached() bool {
	if cn.raw == nil {
		return false
	}
	var acked uint64
	known := false
	err := cn.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			acked, known = info.Bytes_acked, true
		}
	})
	const handshake = 1 // Linux counts the SYN as a byte
	return err == nil && known && acked <= cn.before+handshake
}
