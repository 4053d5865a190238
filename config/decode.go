package config

import (
	"reflect"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// unmarshal decodes the merged layers into c. The checker has typed every value, so the only hook gives each broker group its defaults,
// which viper cannot lay under the items of a list.
func unmarshal(v *viper.Viper, c *Config) error {
	return v.Unmarshal(c, decoding)
}

func decoding(d *mapstructure.DecoderConfig) {
	d.TagName = "key"
	d.ErrorUnused = true
	d.WeaklyTypedInput = false
	d.DecodeHook = groupDefaults
}

func groupDefaults(_, to reflect.Type, data any) (any, error) {
	settings, isMap := data.(map[string]any)
	if to != reflect.TypeFor[Broker]() || !isMap {
		return data, nil
	}
	b := DefaultBroker()
	d := mapstructure.DecoderConfig{Result: &b}
	decoding(&d)
	d.DecodeHook = nil
	decoder, err := mapstructure.NewDecoder(&d)
	if err != nil {
		return nil, err
	}
	return b, decoder.Decode(settings)
}
