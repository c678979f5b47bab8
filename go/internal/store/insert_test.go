package store

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"gorm.io/gorm/schema"
)

// TestEntryRowKeepsTheOrderOfItsColumns holds appendTo against gorm's schema.
func TestEntryRowKeepsTheOrderOfItsColumns(t *testing.T) {
	table, err := schema.Parse(&entryRow{}, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range table.DBNames {
		var row entryRow
		field := table.FieldsByDBName[name]
		v := reflect.ValueOf(&row).Elem()
		switch at := field.ReflectValueOf(context.Background(), v); at.Interface().(type) {
		case string:
			at.SetString("set")
		case int64:
			at.SetInt(7)
		case []byte:
			at.SetBytes([]byte("set"))
		case count:
			at.Set(reflect.ValueOf(count{N: 7, Known: true}))
		default:
			t.Fatalf("column %s is a %s", name, at.Type())
		}
		to := arguments{width: len(table.DBNames)}
		row.appendTo(&to)
		args := to.list
		if len(args) != len(table.DBNames) {
			t.Fatalf("%d values for %d columns", len(args), len(table.DBNames))
		}
		for j, arg := range args {
			set := arg == "set" || arg == int64(7) || reflect.DeepEqual(arg, []byte("set"))
			if set != (i == j) {
				t.Errorf("column %d (%s): value %d is %v", i, name, j, arg)
			}
		}
	}
}

// TestArgumentsRepeatTheRowAbove only where it says the same.
func TestArgumentsRepeatTheRowAbove(t *testing.T) {
	a := arguments{width: 3}
	for _, s := range []string{"one", "two", "", "one", "TWO", "3"} {
		a.text(s)
	}
	a.number(4)
	a.texts("TWO", "3")
	want := []any{"one", "two", "", "one", "TWO", "3", int64(4), "TWO", "3"}
	if !reflect.DeepEqual(a.list, want) {
		t.Errorf("got %v, want %v", a.list, want)
	}
	if n := testing.AllocsPerRun(10, func() { a.list = a.list[:len(a.list)-3]; a.texts("one", "TWO", "3") }); n > 1 {
		t.Errorf("%v allocations for texts of which one is new", n)
	}
}
