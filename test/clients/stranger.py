"""A client of Watershed written from its OpenAPI document alone, with nothing but Python's standard library.

    python3 stranger.py http://127.0.0.1:4100 [--document openapi/gateway.json] [--until-limited]

Requests are made by operationId. Every answer is held against the document: its status, its content type, its body's
schema, the headers it carries, and for a refusal its code. What the document does not declare is reported and makes
the exit code 1. Without --document it is read from the cluster (`GET /openapi.json`). --until-limited guesses
recovery codes until that is too often, after which nobody at this address gets an account back for a minute.
"""
import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

# Of HTTP itself and of the connection: no document of an API need name them.
PLAIN_HEADERS = {
    'connection', 'keep-alive', 'date', 'content-type', 'content-length', 'transfer-encoding', 'allow', 'vary',
    'x-content-type-options', 'cache-control',
}
TYPES = {
    'object': dict, 'array': list, 'string': str, 'boolean': bool, 'integer': int, 'number': (int, float),
    'null': type(None),
}


class Refused(Exception):
    """The server said no: `code` is stable, the rest is for people."""

    def __init__(self, status, headers, problem):
        super().__init__(f"{status} {problem['code']}: {problem['detail']}")
        self.status, self.headers, self.problem, self.code = status, headers, problem, problem['code']


class Watershed:
    def __init__(self, base, document=None):
        self.base = base.rstrip('/')
        self.credentials = {}
        self.undeclared = []
        if document is None:
            with urllib.request.urlopen(self.base + '/openapi.json', timeout=30) as answer:
                document = json.load(answer)
        self.document = document
        self.operations = {
            operation['operationId']: (method.upper(), path, operation)
            for path, item in self.document['paths'].items()
            for method, operation in item.items()
            if isinstance(operation, dict)
        }

    def call(self, operation_id, body=None, path=None, query=None, headers=None, media=None):
        """Answers (value, headers) or raises Refused. `bytes` go out as they are, everything else as JSON."""
        method, template, operation = self.operations[operation_id]
        values = {name: urllib.parse.quote(str(value), safe='') for name, value in (path or {}).items()}
        url = self.base + template.format(**values)
        if query:
            url += '?' + urllib.parse.urlencode(query)
        sent = dict(headers or {})
        if 'security' in operation:
            sent.update(self.credentials)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent['Content-Type'] = media or ('application/octet-stream' if body is data else 'application/json')
        self.note_unknown(operation_id, operation, sent, query)
        request = urllib.request.Request(url, data=data, headers=sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, got, content = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refusal:  # to urllib, 304 is one as well
            status, got, content = refusal.code, refusal.headers, refusal.read()
        value = self.check(operation_id, operation, status, got, content)
        if status >= 400:
            raise Refused(status, got, value)
        return value, got

    def pages(self, operation_id, limit, **call):
        """Every item of a list, page by page."""
        query = {'limit': limit}
        while True:
            page, _ = self.call(operation_id, query=query, **call)
            yield from page['items']
            if 'nextCursor' not in page:
                return
            query = {'limit': limit, 'cursor': page['nextCursor']}

    # What the document says, held against what is.

    def fault(self, operation_id, text):
        if (line := f'{operation_id}: {text}') not in self.undeclared:
            self.undeclared.append(line)

    def note_unknown(self, operation_id, operation, sent, query):
        known = {parameter['name'].lower() for parameter in operation.get('parameters', [])}
        own = {'content-type', 'x-api-key', 'authorization'}
        for name in {name.lower() for name in [*sent, *(query or {})]} - known - own:
            self.fault(operation_id, f'parameter {name} is not declared')

    def check(self, operation_id, operation, status, got, content):
        declared = self.resolved(operation['responses'].get(str(status)))
        where = f'{operation_id} {status}'
        media = (got['Content-Type'] or '').split(';')[0]
        value = json.loads(content) if media.endswith('json') else content
        if declared is None:
            self.fault(operation_id, f'status {status} is not declared')
            return value
        names = {name.lower() for name in declared.get('headers', {})}
        for name in {n.lower() for n in got.keys()} - names - PLAIN_HEADERS:
            self.fault(where, f'header {name} is not declared')
        if 'content' not in declared:
            if content:
                self.fault(where, 'a body is not declared')
            return value
        entry = declared['content'].get(media) or declared['content'].get('*/*')
        if entry is None:
            self.fault(where, f'content type {media} is not declared')
        elif media.endswith('json'):
            for text in self.differences(entry['schema'], value, ''):
                self.fault(where, text)
            if status >= 400 and f"`{value['code']}`" not in declared['description']:
                self.fault(where, f"code {value['code']} is not declared")
        return value

    def resolved(self, part):
        """What a `$ref` stands for."""
        while isinstance(part, dict) and '$ref' in part:
            target = self.document
            for step in part['$ref'].removeprefix('#/').split('/'):
                target = target[step]
            part = target
        return part

    @staticmethod
    def fits(value, kind):
        # To Python, True is an integer.
        return isinstance(value, TYPES[kind]) and (kind == 'boolean' or not isinstance(value, bool))

    def differences(self, schema, value, at):
        """As much of JSON Schema as the document uses."""
        schema = self.resolved(schema)
        options = schema.get('anyOf') or schema.get('oneOf')
        if options and all(any(True for _ in self.differences(option, value, at)) for option in options):
            yield f'{at or "/"} is none of what is declared'
        kinds = schema.get('type', [])
        if kinds and not any(self.fits(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
            yield f'{at or "/"} is not of type {kinds}'
            return
        if ('enum' in schema and value not in schema['enum']) or ('const' in schema and value != schema['const']):
            yield f'{at} has an undeclared value {value!r}'
        if isinstance(value, str) and 'pattern' in schema and not re.search(schema['pattern'], value):
            yield f'{at} {value!r} does not fit its pattern'
        if isinstance(value, list) and 'items' in schema:
            for item in value:
                yield from self.differences(schema['items'], item, at + '/*')
        if isinstance(value, dict):
            yield from (f'{at}/{name} is missing' for name in schema.get('required', []) if name not in value)
            properties, rest = schema.get('properties', {}), schema.get('additionalProperties', True)
            for name, member in value.items():
                if name in properties:
                    yield from self.differences(properties[name], member, f'{at}/{name}')
                elif rest is False:
                    yield f'{at}/{name} is not declared'
                elif isinstance(rest, dict):
                    yield from self.differences(rest, member, f'{at}/{name}')


def refused(code, attempt):
    """The refusal, which must have this code."""
    try:
        attempt()
    except Refused as refusal:
        assert refusal.code == code, f'{refusal.code} where {code} was due'
        return refusal
    raise AssertionError(f'{code} was due')


def tour(api):
    """Everything a newcomer does, once. Answers what was seen."""
    api.call('ready')
    signed_up, _ = api.call('signUp', {})
    api.credentials = {'X-API-Key': signed_up['key']['secret']}
    model, text = 'watershed/language-id', 'Das Wasser bleibt in der Region.'

    assert any(item['name'] == model for item in api.pages('listModels', 50))
    quote, _ = api.call('quote', {'model': model, 'text': text})
    once = {'Idempotency-Key': str(uuid.uuid4())}
    answer, headers = api.call('inferText', {'model': model, 'text': text}, headers=once)
    assert answer['labels'][0]['label'] == 'de', answer
    assert answer['cost']['amountMicro'] == quote['amountMicro']
    again, replayed = api.call('inferText', {'model': model, 'text': text}, headers=once)
    assert again == answer and replayed['Idempotency-Replayed'] == 'true'
    assert refused('idempotency_key_reused', lambda: api.call(
        'inferText', {'model': model, 'text': 'Another.'}, headers=once)).status == 409

    tensor = {'inputs': [{'name': 'utf8', 'datatype': 'UINT8', 'shape': [len(text)], 'data': list(text.encode())}]}
    name = {'model': model.replace('/', '--')}
    metadata, _ = api.call('v2Model', path=name)
    outputs, _ = api.call('v2Infer', tensor, path=name)
    assert {o['name'] for o in outputs['outputs']} == {o['name'] for o in metadata['outputs']}

    # The ledger takes up what was answered within a second; until then the statement lists it as unposted.
    deadline = time.monotonic() + 10
    while True:
        statement, _ = api.call('statement')
        if any(answer['usageId'] in entry['usageIds'] for entry in statement['items']):
            break
        assert time.monotonic() < deadline, statement
        time.sleep(0.1)
    purse, _ = api.call('purse')
    usage = list(api.pages('usage', 1))
    assert len(usage) == 2 and usage[1]['usageId'] == answer['usageId'], usage
    entries = list(api.pages('statement', 1))
    assert any(answer['usageId'] in entry['usageIds'] for entry in entries), entries

    key = api.credentials
    token, _ = api.call('exchangeKey', {'lifetimeSeconds': 60})
    api.credentials = {'Authorization': f"Bearer {token['token']}"}
    api.call('me')
    pod, _ = api.call('createPod', {})
    place = {'podId': pod['podId'], 'path': 'notes/first.txt'}
    stored, _ = api.call('putResource', b'water', path=place, headers={'If-None-Match': '*'})
    got, _ = api.call('getResource', path=place)
    assert got == b'water', got
    assert api.call('getResource', path=place, headers={'Range': 'bytes=1-2'})[0] == b'at'
    assert api.call('getResource', path=place, headers={'If-None-Match': stored['etag']})[0] == b''
    api.call('putResource', b'more', path={**place, 'path': 'notes/second.txt'}, media='text/plain')
    paths = [item['path'] for item in api.pages('listResources', 1, path={'podId': pod['podId']})]
    assert paths == ['notes/first.txt', 'notes/second.txt'], paths
    assert refused('conflict', lambda: api.call('deleteResource', path=place, headers={'If-Match': '"other"'}))
    api.call('deleteResource', path=place, headers={'If-Match': stored['etag']})
    refused('not_found', lambda: api.call('getResource', path=place))
    api.call('deletePod', path={'podId': pod['podId']})
    api.credentials = key

    refused('model_unknown', lambda: api.call('inferText', {'model': 'watershed/no-such', 'text': text}))
    refused('invalid_request', lambda: api.call('inferText', {'model': model}))
    refused('body_too_large', lambda: api.call('inferText', {'model': model, 'text': 'a' * 20_000_000}))
    refused('unsupported_media_type', lambda: api.call('inferText', {'model': model, 'text': text}, media='text/plain'))
    refused('cursor_invalid', lambda: api.call('usage', query={'cursor': 'nonsense'}))
    refused('role_missing', lambda: api.call('auditLog'))
    api.credentials = {'X-API-Key': 'wsk_nobody'}
    refused('key_unknown', lambda: api.call('purse'))
    api.credentials = key
    return {
        'language': answer['labels'][0]['label'], 'probability': answer['labels'][0]['probability'],
        'cost': answer['cost'], 'route': headers['Watershed-Route'], 'purse': purse['availableMicro'],
        'usageId': answer['usageId'], 'entries': len(entries),
    }


def until_limited(api, at_most=1_000):
    """Someone who guesses recovery codes, until it is too often. Answers how many guesses a window there are."""
    guess = api.operations['recover'][2]['requestBody']['content']['application/json']['examples']['example']['value']
    for _ in range(at_most):
        try:
            api.call('recover', guess)
        except Refused as refusal:
            if refusal.code == 'unauthenticated':
                continue
            assert refusal.code == 'rate_limited', refusal
            assert int(refusal.headers['Retry-After']) * 1_000 >= refusal.problem['retryAfterMs'] > 0
            return int(refusal.headers['RateLimit-Limit'])
    raise AssertionError(f'{at_most} guesses were not too many')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('url')
    parser.add_argument('--document', type=argparse.FileType(encoding='utf-8'))
    parser.add_argument('--until-limited', action='store_true')
    given = parser.parse_args()
    client = Watershed(given.url, json.load(given.document) if given.document else None)
    seen = tour(client)
    if given.until_limited:
        seen['guessesPerWindow'] = until_limited(client)
    print(json.dumps({**seen, 'undeclared': client.undeclared}, indent=1))
    sys.exit(1 if client.undeclared else 0)
