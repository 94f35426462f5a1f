// Cosigned checks a witnessed checkpoint with Go's own note package and none of our code.
//
//	cosigned CHECKPOINT LOG-KEY QUORUM WITNESS-KEY...
//
// The log's key is one of x/mod/sumdb/note (0x01); the witnesses' are C2SP cosignature/v1 (0x04), which Go does not
// know: the verifier below is written from the specification. It prints the names that cosigned and exits with 1,
// saying why, when the log's signature or the quorum is missing.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// witness verifies cosignature/v1.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }

func (w witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

func newWitness(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, errors.New("not a cosignature/v1 key")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, errors.New("the key id is not that of the key")
	}
	return witness{parts[0], hash, key[1:]}, nil
}

func run(file, log string, quorum int, witnesses []string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	signer, err := note.NewVerifier(log)
	if err != nil {
		return err
	}
	if _, err := note.Open(text, note.VerifierList(signer)); err != nil {
		return err
	}
	known := []note.Verifier{signer}
	for _, vkey := range witnesses {
		verifier, err := newWitness(vkey)
		if err != nil {
			return err
		}
		known = append(known, verifier)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return err
	}
	var names []string
	for _, signature := range opened.Sigs {
		if signature.Hash != signer.KeyHash() {
			names = append(names, signature.Name)
		}
	}
	if len(names) < quorum {
		return fmt.Errorf("cosigned by %d of %d", len(names), quorum)
	}
	fmt.Println(strings.Join(names, "\n"))
	return nil
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: cosigned CHECKPOINT LOG-KEY QUORUM WITNESS-KEY...")
		os.Exit(2)
	}
	quorum, err := strconv.Atoi(os.Args[3])
	if err == nil {
		err = run(os.Args[1], os.Args[2], quorum, os.Args[4:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
