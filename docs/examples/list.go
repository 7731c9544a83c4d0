// SPDX-License-Identifier: MIT

// list.go looks up the domains of a file, one per line, with Go's own library.
//
//	EMAILSD_URL=http://127.0.0.1:8080 go run docs/examples/list.go domains.txt
//
// It prints index, domain, and addresses or error code of each entry as it ends. If the stream breaks,
// or an entry has no result yet, it sends the list again: known results cost nothing.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const attempts = 20

type result struct {
	Index   int
	Input   string
	Status  int
	Problem struct{ Code string }
	Emails  []struct{ Email string }
}

// isFinal reports whether the entry has a result; if not, the list can get one.
func (r result) isFinal() bool {
	return r.Status != http.StatusServiceUnavailable && r.Status != http.StatusGatewayTimeout
}

// rejected is the error of a response that is not 200.
type rejected struct {
	status     int
	retryAfter time.Duration
	text       string
}

func (r *rejected) Error() string { return fmt.Sprintf("%d: %s", r.status, r.text) }

func rejection(response *http.Response) error {
	text, _ := io.ReadAll(response.Body)
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return &rejected{response.StatusCode, time.Duration(seconds) * time.Second, string(text)}
}

// send sends the list once, and calls use with the result of each entry as it ends. It returns an error
// if the stream breaks. Empty lines only keep the connection open; the decoder skips them.
func send(url, key string, domains []string, use func(result)) error {
	body, err := json.Marshal(domains)
	if err != nil {
		return err
	}
	request, err := http.NewRequest("POST", url+"/emails", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/x-ndjson")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return rejection(response)
	}
	for lines := json.NewDecoder(response.Body); ; {
		var item result
		if err := lines.Decode(&item); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		use(item)
	}
}

// complete calls use once for each entry, with its final result. It sends the list again until there
// is one.
func complete(url, key string, domains []string, use func(result)) error {
	done := make(map[int]bool)
	for attempt := 1; attempt <= attempts; attempt++ {
		pause := time.Duration(attempt) * time.Second
		err := send(url, key, domains, func(item result) {
			if item.isFinal() && !done[item.Index] {
				done[item.Index] = true
				use(item)
			}
		})
		var reply *rejected
		if errors.As(err, &reply) {
			if reply.status != http.StatusTooManyRequests && reply.status != http.StatusServiceUnavailable {
				return err
			}
			if reply.retryAfter > 0 {
				pause = reply.retryAfter
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "list.go:", err, "- sending the list again")
		}
		if len(done) == len(domains) {
			return nil
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("%d entries have no result yet", len(domains)-len(done))
}

func show(item result) {
	found := []string{}
	for _, entry := range item.Emails {
		found = append(found, entry.Email)
	}
	fmt.Printf("%d\t%s\t%s\n", item.Index, item.Input, strings.Join(found, " ")+item.Problem.Code)
}

func main() {
	url := os.Getenv("EMAILSD_URL")
	if url == "" {
		url = "http://127.0.0.1:8080"
	}
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = complete(strings.TrimSuffix(url, "/"), os.Getenv("EMAILSD_KEY"), strings.Fields(string(text)), show)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "list.go:", err)
		os.Exit(1)
	}
}
