package namesrv

import (
	"fmt"
	"maps"
)

// orderTopicNamespace holds the queue numbers of strictly ordered topics, written by mqadmin updateOrderConf.
const orderTopicNamespace = "ORDER_TOPIC_CONFIG"

// kvStore is the KV configuration. It lives in memory: a NameServer keeps nothing over a restart.
type kvStore struct {
	caps       Caps
	namespaces map[string]map[string]string
	entries    int
}

func newKVStore(c Caps) *kvStore {
	return &kvStore{caps: c, namespaces: map[string]map[string]string{}}
}

func (k *kvStore) put(namespace, key, value string) error {
	if size := len(namespace) + len(key) + len(value); size > k.caps.KVBytes {
		return fmt.Errorf("%w: entry of %d bytes, at most %d", errFull, size, k.caps.KVBytes)
	}
	entries := k.namespaces[namespace]
	if _, known := entries[key]; !known {
		if k.entries >= k.caps.KVEntries {
			return fmt.Errorf("%w: %d KV entries", errFull, k.entries)
		}
		k.entries++
	}
	if entries == nil {
		entries = map[string]string{}
		k.namespaces[namespace] = entries
	}
	entries[key] = value
	return nil
}

func (k *kvStore) get(namespace, key string) (value string, ok bool) {
	value, ok = k.namespaces[namespace][key]
	return value, ok
}

func (k *kvStore) delete(namespace, key string) {
	entries := k.namespaces[namespace]
	if _, known := entries[key]; !known {
		return
	}
	delete(entries, key)
	k.entries--
	if len(entries) == 0 {
		delete(k.namespaces, namespace)
	}
}

// list returns a copy of a namespace; nil if it does not exist.
func (k *kvStore) list(namespace string) map[string]string {
	return maps.Clone(k.namespaces[namespace])
}
