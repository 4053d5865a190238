package config

import (
	"reflect"
	"slices"
)

// Diff returns the dotted keys whose values differ, in the order of the schema; a group or peer that only one of the two has is named
// itself.
func Diff(a, b Config) []string {
	return diff(reflect.ValueOf(a), reflect.ValueOf(b), schemaOf(reflect.TypeOf(a)), "")
}

func diff(a, b reflect.Value, s *schema, path string) []string {
	var keys []string
	for _, f := range s.fields {
		x, y := a.Field(f.index), b.Field(f.index)
		switch {
		case f.kind == block:
			keys = append(keys, diff(x, y, f.block, path+f.name+".")...)
		case f.kind == blocks:
			keys = append(keys, diffItems(x, y, f, path+f.name+".")...)
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			keys = append(keys, path+f.name)
		}
	}
	return keys
}

func diffItems(a, b reflect.Value, f field, path string) []string {
	label := f.block.find(f.label).index
	find := func(items reflect.Value, name string) (reflect.Value, bool) {
		for i := range items.Len() {
			if items.Index(i).Field(label).String() == name {
				return items.Index(i), true
			}
		}
		return reflect.Value{}, false
	}
	var keys []string
	for i := range a.Len() {
		name := a.Index(i).Field(label).String()
		if other, ok := find(b, name); ok {
			keys = append(keys, diff(a.Index(i), other, f.block, path+name+".")...)
		} else {
			keys = append(keys, path+name)
		}
	}
	for i := range b.Len() {
		if name := b.Index(i).Field(label).String(); !slices.Contains(keys, path+name) {
			if _, ok := find(a, name); !ok {
				keys = append(keys, path+name)
			}
		}
	}
	return keys
}
