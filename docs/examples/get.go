// SPDX-License-Identifier: MIT

// get.go looks up one domain.
//
//	EMAILSD_URL=http://127.0.0.1:8080 go run docs/examples/get.go milvali.com
//
// It prints the addresses. It repeats the request until it has a result or a final error: that joins the
// lookup, at no cost.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const attempts = 10

var client = http.Client{Timeout: 30 * time.Second} // longer than the wait of the request

type result struct {
	Emails []struct{ Email string }
}

// problem is an error that emailsd has returned.
type problem struct {
	Code, Detail string
	retryAfter   time.Duration // 0: final
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

func problemOf(response *http.Response) error {
	p := &problem{}
	if err := json.NewDecoder(response.Body).Decode(p); err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		p.retryAfter = time.Duration(seconds) * time.Second
	}
	return p
}

// send sends the request once. It returns a problem, or another error if the connection breaks, or if a
// proxy replies with a page of its own.
func send(base, key, domain string) (*result, error) {
	query := url.Values{"domain": {domain}, "wait": {"25"}}
	request, err := http.NewRequest("GET", base+"/emails?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, problemOf(response)
	}
	found := &result{}
	return found, json.NewDecoder(response.Body).Decode(found)
}

func lookUp(base, key, domain string) (*result, error) {
	for attempt := 1; ; attempt++ {
		found, err := send(base, key, domain)
		if err == nil {
			return found, nil
		}
		pause := time.Duration(attempt) * time.Second
		var reply *problem
		if errors.As(err, &reply) {
			pause = reply.retryAfter
		}
		if attempt == attempts || pause == 0 {
			return nil, err
		}
		time.Sleep(pause)
	}
}

func main() {
	base := os.Getenv("EMAILSD_URL")
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	found, err := lookUp(strings.TrimSuffix(base, "/"), os.Getenv("EMAILSD_KEY"), os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "get.go:", err)
		os.Exit(1)
	}
	for _, entry := range found.Emails {
		fmt.Println(entry.Email)
	}
}
