// A client of Watershed written from its OpenAPI document alone, with nothing but Go's standard library.
//
//	go run stranger.go http://127.0.0.1:4100 [openapi/gateway.json]
//
// Requests are made by operationId. Every answer's status, content type, headers and, for a refusal, code are held
// against the document; what it does not declare is reported and makes the exit code 1. stranger.py holds the bodies
// against their schemas too.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

type object = map[string]any

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     object
	Headers     object
}

type operation struct {
	ID           string `json:"operationId"`
	Security     []object
	Responses    map[string]response
	method, path string
}

// Of HTTP itself and of the connection: no document of an API need name them.
var plainHeaders = []string{
	"Connection", "Keep-Alive", "Date", "Content-Type", "Content-Length", "X-Content-Type-Options", "Allow", "Vary",
	"Cache-Control",
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

type watershed struct {
	base, secret string
	operations   map[string]operation
	undeclared   []string
}

// What goes into a request besides its operation: all optional.
type with struct {
	path, headers map[string]string
	query         url.Values
	body          any // []byte as it is, everything else as JSON
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}

func require(holds bool, what string, seen any) {
	if !holds {
		must(0, fmt.Errorf("%s: %v", what, seen))
	}
}

func read(document []byte) map[string]operation {
	var parsed struct {
		Paths      map[string]map[string]operation
		Components struct{ Responses map[string]response }
	}
	must(0, json.Unmarshal(document, &parsed))
	operations := map[string]operation{}
	for path, item := range parsed.Paths {
		for method, found := range item {
			found.method, found.path = strings.ToUpper(method), path
			for status, answer := range found.Responses {
				if name, shared := strings.CutPrefix(answer.Ref, "#/components/responses/"); shared {
					found.Responses[status] = parsed.Components.Responses[name]
				}
			}
			operations[found.ID] = found
		}
	}
	return operations
}

func (w *watershed) fault(format string, values ...any) {
	if line := fmt.Sprintf(format, values...); !slices.Contains(w.undeclared, line) {
		w.undeclared = append(w.undeclared, line)
	}
}

// The answer's status and body, after both were held against the document.
func (w *watershed) call(id string, given with) (int, []byte) {
	op, known := w.operations[id]
	require(known, "no such operation", id)
	target := w.base + inPath.ReplaceAllStringFunc(op.path, func(name string) string {
		return url.PathEscape(given.path[strings.Trim(name, "{}")])
	})
	if len(given.query) > 0 {
		target += "?" + given.query.Encode()
	}
	content, raw := given.body.([]byte)
	if !raw && given.body != nil {
		content = must(json.Marshal(given.body))
	}
	request := must(http.NewRequest(op.method, target, bytes.NewReader(content)))
	if raw {
		request.Header.Set("Content-Type", "application/octet-stream")
	} else if given.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if len(op.Security) > 0 {
		request.Header.Set("Authorization", "Bearer "+w.secret)
	}
	for name, value := range given.headers {
		request.Header.Set(name, value)
	}
	answer := must((&http.Client{Timeout: time.Minute}).Do(request))
	defer answer.Body.Close()
	body := must(io.ReadAll(answer.Body))
	w.check(op, answer, body)
	return answer.StatusCode, body
}

func (w *watershed) check(op operation, answer *http.Response, body []byte) {
	declared, known := op.Responses[fmt.Sprint(answer.StatusCode)]
	if !known {
		w.fault("%s: status %d is not declared", op.ID, answer.StatusCode)
		return
	}
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	_, exact := declared.Content[kind]
	if _, any := declared.Content["*/*"]; !exact && !any && len(body) > 0 {
		w.fault("%s %d: content type %s is not declared", op.ID, answer.StatusCode, kind)
	}
	for name := range answer.Header {
		here := func(header string) bool { return http.CanonicalHeaderKey(header) == name }
		if !slices.ContainsFunc(plainHeaders, here) && !slices.ContainsFunc(keys(declared.Headers), here) {
			w.fault("%s %d: header %s is not declared", op.ID, answer.StatusCode, name)
		}
	}
	if answer.StatusCode >= 400 && !strings.Contains(declared.Description, "`"+code(body)+"`") {
		w.fault("%s %d: code %s is not declared", op.ID, answer.StatusCode, code(body))
	}
}

func keys(from object) (names []string) {
	for name := range from {
		names = append(names, name)
	}
	return
}

func code(body []byte) string {
	var problem struct{ Code string }
	_ = json.Unmarshal(body, &problem)
	return problem.Code
}

func decoded[T any](_ int, body []byte) (value T) {
	must(0, json.Unmarshal(body, &value))
	return
}

type page struct {
	Items      []object
	NextCursor string
}

func (w *watershed) pages(id string, given with) (items []object) {
	given.query = url.Values{"limit": {"1"}}
	for {
		next := decoded[page](w.call(id, given))
		items = append(items, next.Items...)
		if next.NextCursor == "" {
			return
		}
		given.query.Set("cursor", next.NextCursor)
	}
}

type inference struct {
	Labels []struct {
		Label       string
		Probability float64
	}
	Cost    struct{ AmountMicro, Asset string }
	UsageID string `json:"usageId"`
}

func main() {
	w := &watershed{base: strings.TrimSuffix(os.Args[1], "/")}
	if len(os.Args) > 2 {
		w.operations = read(must(os.ReadFile(os.Args[2])))
	} else {
		w.operations = read(must(io.ReadAll(must(http.Get(w.base + "/openapi.json")).Body)))
	}
	w.secret = decoded[struct{ Key struct{ Secret string } }](w.call("signUp", with{body: object{}})).Key.Secret
	w.secret = decoded[struct{ Token string }](w.call("exchangeKey", with{body: object{"lifetimeSeconds": 60}})).Token

	text := "Das Wasser bleibt in der Region."
	ask := with{body: object{"model": "watershed/language-id", "text": text}}
	quote := decoded[struct{ AmountMicro string }](w.call("quote", ask))
	ask.headers = map[string]string{"Idempotency-Key": fmt.Sprint(time.Now().UnixNano())}
	answer := decoded[inference](w.call("inferText", ask))
	require(answer.Labels[0].Label == "de", "language", answer)
	require(answer.Cost.AmountMicro == quote.AmountMicro, "cost as quoted", answer)
	require(decoded[inference](w.call("inferText", ask)).UsageID == answer.UsageID, "the same answer", answer)

	data := []int{}
	for _, one := range []byte(text) {
		data = append(data, int(one))
	}
	tensor := object{"name": "utf8", "datatype": "UINT8", "shape": []int{len(data)}, "data": data}
	outputs := decoded[struct{ Outputs []object }](w.call("v2Infer", with{
		path: map[string]string{"model": "watershed--language-id"}, body: object{"inputs": []object{tensor}},
	}))
	require(len(outputs.Outputs) > 0, "outputs", outputs)
	usage := w.pages("usage", with{})
	require(len(usage) == 2 && usage[1]["usageId"] == answer.UsageID, "usage of two requests", usage)

	pod := decoded[struct {
		PodID string `json:"podId"`
	}](w.call("createPod", with{body: object{}})).PodID
	place := with{path: map[string]string{"podId": pod, "path": "notes/first.txt"}}
	stored := place
	stored.body = []byte("water")
	w.call("putResource", stored)
	_, got := w.call("getResource", place)
	require(string(got) == "water", "what was stored", string(got))
	require(len(w.pages("listResources", place)) == 1, "one resource", nil)
	w.call("deleteResource", place)
	_, gone := w.call("getResource", place)
	require(code(gone) == "not_found", "no resource", string(gone))
	w.call("deletePod", place)

	purse := decoded[struct{ AvailableMicro string }](w.call("purse", with{}))
	_, unknown := w.call("inferText", with{body: object{"model": "watershed/no-such", "text": text}})
	require(code(unknown) == "model_unknown", "refusal", string(unknown))
	w.secret = "wsk_nobody"
	_, refused := w.call("purse", with{})
	require(code(refused) == "key_unknown", "refusal", string(refused))

	os.Stdout.Write(must(json.MarshalIndent(object{
		"language": answer.Labels[0].Label, "cost": answer.Cost.AmountMicro, "purse": purse.AvailableMicro,
		"undeclared": append([]string{}, w.undeclared...),
	}, "", " ")))
	if len(w.undeclared) > 0 {
		os.Exit(1)
	}
}
