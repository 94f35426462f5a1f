// Verify checks a Wattmark log with Go's own transparency log packages and none of our code.
//
//	verify LOG-DIRECTORY VERIFIER-KEY [CASES-DIRECTORY]
//
// It opens the signed checkpoint, reads every leaf hash through tiles that are authenticated against the signed
// root, hashes the whole tree anew from those leaves, and checks the cases: <n>.entry with <n>.tlog-proof
// (inclusion), and <n>.consistency (old size, old root, proof hashes, one per line).
// It prints one line of JSON and exits with 1, saying why, when anything does not hold.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// directory reads tiles at the paths of C2SP tlog-tiles, which are those of Go without the height.
type directory string

func (d directory) Height() int { return tileHeight }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// openCheckpoint returns the tree a signed checkpoint commits to.
func openCheckpoint(text []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// rehash returns the root of the tree made anew from leaf hashes.
func rehash(leaves []tlog.Hash) (tlog.Hash, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for n, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(n), leaf, reader)
		if err != nil {
			return tlog.Hash{}, err
		}
		stored = append(stored, more...)
	}
	return tlog.TreeHash(int64(len(leaves)), reader)
}

func parseHashes(lines []string) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// checkInclusion checks a tlog-proof of the entry beside it.
func checkInclusion(proofFile string, verifier note.Verifier) error {
	data, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(strings.TrimSuffix(proofFile, ".tlog-proof") + ".entry")
	if err != nil {
		return err
	}
	head, checkpoint, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	hashes, err := parseHashes(lines[2:])
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(checkpoint, verifier)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

// checkConsistency checks that an earlier tree is a prefix of the signed one.
func checkConsistency(file string, tree tlog.Tree) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	size, err := strconv.ParseInt(lines[0], 10, 64)
	if err != nil {
		return err
	}
	hashes, err := parseHashes(lines[1:])
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes[1:], tree.N, tree.Hash, size, hashes[0])
}

func run(log, vkey, cases string) (map[string]any, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(log, "checkpoint"))
	if err != nil {
		return nil, err
	}
	tree, err := openCheckpoint(text, verifier)
	if err != nil {
		return nil, err
	}
	var indexes []int64
	for n := int64(0); n < tree.N; n++ {
		indexes = append(indexes, tlog.StoredHashIndex(0, n))
	}
	leaves, err := tlog.TileHashReader(tree, directory(log)).ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	root, err := rehash(leaves)
	if err != nil {
		return nil, err
	}
	if root != tree.Hash {
		return nil, errors.New("the leaves do not give the signed root")
	}
	result := map[string]any{"origin": verifier.Name(), "size": tree.N, "root": root.String()}
	for kind, check := range map[string]func(string) error{
		"tlog-proof":  func(file string) error { return checkInclusion(file, verifier) },
		"consistency": func(file string) error { return checkConsistency(file, tree) },
	} {
		files, err := filepath.Glob(filepath.Join(cases, "*."+kind))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := check(file); err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
			}
		}
		result[kind] = len(files)
	}
	return result, nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: verify LOG-DIRECTORY VERIFIER-KEY [CASES-DIRECTORY]")
		os.Exit(2)
	}
	cases := os.DevNull
	if len(os.Args) > 3 {
		cases = os.Args[3]
	}
	result, err := run(os.Args[1], os.Args[2], cases)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
