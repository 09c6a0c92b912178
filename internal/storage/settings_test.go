package storage

import "testing"

// TestSettings: the file about the server is durable as any other, and no part of the dump.
func TestSettings(t *testing.T) {
	d, _ := create(t)
	if err := WriteFile(d, SettingsName, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveTemporaries(); err != nil {
		t.Fatal(err)
	}
	if names, err := d.List(); err != nil || len(names) > 0 {
		t.Errorf("List has %v, %v", names, err)
	}
	if data, err := ReadFile(d, SettingsName, 1); err != nil || string(data) != "x" {
		t.Errorf("the file has %q, %v", data, err)
	}
}
