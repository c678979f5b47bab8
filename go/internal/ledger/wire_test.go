package ledger

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// randomEntry fills every field, so that one that is left out of the list of
// columns shows.
func randomEntry(r *rand.Rand) Entry {
	var e Entry
	fillRandomly(r, reflect.ValueOf(&e).Elem())
	e.Started = time.UnixMicro(r.Int64N(1 << 51)).UTC()
	e.Usage.Source %= 5
	e.tidy()
	return e
}

func fillRandomly(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("é", r.IntN(20)) + string(rune('a'+r.IntN(26))))
	case reflect.Int, reflect.Int64:
		v.SetInt(1 + r.Int64N(1<<uint(1+r.IntN(60))))
	case reflect.Uint8:
		v.SetUint(r.Uint64N(256))
	case reflect.Bool:
		v.SetBool(r.IntN(3) > 0)
	case reflect.Array:
		for i := range v.Len() {
			fillRandomly(r, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fillRandomly(r, v.Field(i))
		}
	}
}

func TestRowsAreReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		want := randomEntry(r)
		at := chain{seq: want.Seq, hash: want.Hash}
		w := writing(nil)
		w.row(&want)
		p, err := parse(want.Chain, appendEntry(nil, 3, true, at, w.b))
		if err != nil || p.entry != want || p.opening != 3 || !p.last {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, p.entry, want)
		}
		if len(w.b) > 5<<10 {
			t.Fatalf("a row of %d bytes", len(w.b))
		}
	}
}

// TestEveryColumnIsHashed changes each field by itself.
func TestEveryColumnIsHashed(t *testing.T) {
	e := randomEntry(rand.New(rand.NewPCG(2, 2)))
	bytesOf := func(e Entry) []byte {
		w := writing(nil)
		w.row(&e)
		return w.b
	}
	was := bytesOf(e)
	var change func(path string, v reflect.Value)
	change = func(path string, v reflect.Value) {
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "!")
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() + 1)
		case reflect.Uint8:
			v.SetUint(v.Uint() + 1)
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Struct:
			if ts, ok := v.Interface().(time.Time); ok {
				v.Set(reflect.ValueOf(ts.Add(time.Microsecond)))
				break
			}
			for i := range v.NumField() {
				change(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		default:
			t.Fatalf("%s is a %s", path, v.Kind())
		}
		if bytes.Equal(bytesOf(e), was) && !strings.HasSuffix(path, ".N") { // a count that is absent has no number
			t.Errorf("%s is not in the hash", path)
		}
		v.Set(old)
	}
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; name {
		case "Chain", "Seq", "Hash": // the place in the chain, which is hashed beside the row
		default:
			change(name, v.Field(i))
		}
	}
}

func TestTheHashDependsOnTheChain(t *testing.T) {
	row := []byte("a row")
	first, _ := newChain("a").next(row, nil)
	other, _ := newChain("b").next(row, nil)
	second, _ := first.next(row, nil)
	if first.hash == other.hash || first.hash == second.hash || first.seq != 1 || second.seq != 2 {
		t.Error("equal hashes at different places")
	}
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 5 {
		e := randomEntry(r)
		w := writing(nil)
		w.row(&e)
		f.Add(appendEntry(nil, 7, false, chain{seq: e.Seq, hash: e.Hash}, w.b))
		f.Add(append([]byte{opening, 0, 1}, w.b...))
	}
	f.Add([]byte{closing, 5})
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, err := parse("c", payload)
		if err != nil || p.kind == closing || p.kind == nothing {
			return
		}
		w := writing(nil)
		w.row(&p.entry)
		again := reading(w.b)
		var e Entry
		again.row(&e)
		if again.end() != nil {
			t.Fatal("what was read can not be written and read again")
		}
	})
}

func FuzzTidyText(f *testing.F) {
	for _, s := range []string{"", "gpt-4o", "a\x00b", "\xff\xfe", strings.Repeat("é", 300), strings.Repeat("x", 199) + "日本"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := tidyText(s)
		if !utf8.ValidString(got) || strings.ContainsRune(got, 0) || len(got) > maxText || tidyText(got) != got {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
