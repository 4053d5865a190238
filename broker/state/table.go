package state

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
)

// tableShards makes a change copy one part in so many of the table.
const tableShards = 64

// table maps keys to values that are never changed. Reads take no lock and allocate nothing; a change copies one shard. One goroutine
// at a time changes it.
type table[K comparable, V any] struct {
	seed   maphash.Seed // places keys in shards and nothing else; no state depends on it
	shards [tableShards]atomic.Pointer[map[K]V]
}

func newTable[K comparable, V any]() *table[K, V] {
	t := &table[K, V]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].Store(&map[K]V{})
	}
	return t
}

func (t *table[K, V]) shard(k K) *atomic.Pointer[map[K]V] {
	return &t.shards[maphash.Comparable(t.seed, k)%tableShards]
}

// get returns the zero value for an unknown key.
func (t *table[K, V]) get(k K) V { return (*t.shard(k).Load())[k] }

func (t *table[K, V]) set(k K, v V) {
	p := t.shard(k)
	m := maps.Clone(*p.Load())
	m[k] = v
	p.Store(&m)
}

func (t *table[K, V]) delete(k K) {
	p := t.shard(k)
	m := maps.Clone(*p.Load())
	delete(m, k)
	p.Store(&m)
}

// all returns the values, in no order.
func (t *table[K, V]) all() []V {
	var all []V
	for i := range t.shards {
		for _, v := range *t.shards[i].Load() {
			all = append(all, v)
		}
	}
	return all
}
