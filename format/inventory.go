package format

import (
	"errors"
	"fmt"
	"strings"
)

// Names of an encrypted dump (docs/FORMAT.md §11).
const (
	InventoryName   = "encrypted.json"
	EncryptedSuffix = ".age" // follows the name of each file of the dump
)

const (
	inventoryFormat  = "pika2kvrocks encrypted dump"
	inventoryVersion = 1 // whatever the version of the dump
)

// An Inventory is encrypted.json: which files an encrypted dump has, in clear, and nothing of what
// is in them.
type Inventory struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Files   []File `json:"files"`
}

// NewInventory lists files, which stand in the order of their names.
func NewInventory(files []File) Inventory { return Inventory{inventoryFormat, inventoryVersion, files} }

// Marshal returns the bytes of encrypted.json.
func (in *Inventory) Marshal() ([]byte, error) { return marshal(InventoryName, in) }

// ParseInventory reads encrypted.json.
func ParseInventory(data []byte) (*Inventory, error) {
	return unseal[Inventory](data, InventoryName, inventoryFormat, inventoryVersion)
}

func (in *Inventory) validate() error {
	if in.Format != inventoryFormat || in.Version != inventoryVersion {
		return fmt.Errorf("%w %d of format %q", ErrVersion, in.Version, short([]byte(in.Format)))
	}
	missing := map[string]bool{InfoName: true, ManifestName: true}
	last := ""
	for i := range in.Files {
		f := &in.Files[i]
		name, ok := strings.CutSuffix(f.Name, EncryptedSuffix)
		if !ok || !IsFileName(name) {
			return fmt.Errorf("%q is not the name of a file of an encrypted dump", short([]byte(f.Name)))
		}
		if f.Name <= last {
			return fmt.Errorf("%s is out of order or listed twice", f.Name)
		}
		if err := f.validate(); err != nil {
			return err
		}
		last = f.Name
		delete(missing, name)
	}
	if len(missing) > 0 {
		return errors.New("it lists no dump.json.age or no manifest.json.age")
	}
	return nil
}

// ParseFileName returns the name that a file of a dump, encrypted or not, has in one that is not,
// and whether it is encrypted; not ok: it is no file of a dump.
func ParseFileName(name string) (plain string, encrypted, ok bool) {
	if name == InventoryName {
		return name, true, true
	}
	plain, encrypted = strings.CutSuffix(name, EncryptedSuffix)
	return plain, encrypted, IsFileName(plain)
}

// IsFileName reports whether a file of a dump that is not encrypted can have this name
// (docs/FORMAT.md §6).
func IsFileName(name string) bool {
	switch name {
	case InfoName, ManifestName, ConflictsName, SkippedName:
		return true
	}
	_, _, _, err := ParseChunkName(name)
	return err == nil
}
