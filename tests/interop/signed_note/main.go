// The peer of tests/interop/signed_note.sh: signed notes by golang.org/x/mod/sumdb/note.
//
//	peer key NAME PRIVATE_FILE PUBLIC_FILE
//	peer sign PRIVATE_FILE TEXT_FILE NOTE_FILE
//	peer open PUBLIC_FILE NOTE_FILE
package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(path string) string {
	bytes, err := os.ReadFile(path)
	must(err)
	return string(bytes)
}

func write(path, text string) { must(os.WriteFile(path, []byte(text), 0o600)) }

func main() {
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "key":
		private, public, err := note.GenerateKey(rand.Reader, arguments[0])
		must(err)
		write(arguments[1], private)
		write(arguments[2], public+"\n")
	case "sign":
		signer, err := note.NewSigner(read(arguments[0]))
		must(err)
		signed, err := note.Sign(&note.Note{Text: read(arguments[1])}, signer)
		must(err)
		write(arguments[2], string(signed))
	case "open":
		verifier, err := note.NewVerifier(strings.TrimSpace(read(arguments[0])))
		must(err)
		opened, err := note.Open([]byte(read(arguments[1])), note.VerifierList(verifier))
		must(err)
		fmt.Print(opened.Text)
	default:
		must(fmt.Errorf("unknown command %q", os.Args[1]))
	}
}
