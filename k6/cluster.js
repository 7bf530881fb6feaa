// What the load scripts share. `npm run k6 -- smoke|load|soak` seeds people and sets the variables that are read here.
import { check } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

export const url = __ENV.WATERSHED_URL;
/** One key a person; every virtual user is one of them. */
const people = new SharedArray('people', () => JSON.parse(open(__ENV.WATERSHED_PEOPLE)));
/** Inferences that were answered with 200: each must have its usage row. */
const answers = new Counter('watershed_answers');

const texts = [
  ['it', 'Ogni individuo ha diritto alla vita, alla libertà ed alla sicurezza della propria persona.'],
  ['de', 'Am Morgen lag dichter Nebel über dem Fluss, und die Fähre fuhr nicht.'],
  ['fr', 'Le moulin tourne encore près du vieux pont, au bord de la rivière.'],
  ['pl', 'Gdzie jest najbliższa studnia, z której można pić wodę?'],
  ['en', 'The river carries more water in spring than the old bridge can bear.'],
];

const headers = () => ({
  authorization: `Bearer ${people[exec.vu.idInTest % people.length].key}`,
  'content-type': 'application/json',
});

/** One inference by this virtual user's person: the right language, a price, a route. */
export function infer() {
  const [language, text] = texts[exec.scenario.iterationInTest % texts.length];
  const body = JSON.stringify({ model: 'watershed/language-id', text });
  const answer = http.post(`${url}/v1/infer`, body, { headers: headers(), tags: { name: 'POST /v1/infer' } });
  if (answer.status === 200) answers.add(1);
  check(answer, {
    'is answered': ({ status }) => status === 200,
    'knows the language': ({ status, body: text }) => status === 200 && JSON.parse(text).labels[0].label === language,
    'says what it cost': ({ headers: given }) => Number(given['Watershed-Cost-Micro']) > 0,
    'says how it was routed': ({ headers: given }) => (given['Watershed-Route'] ?? '').startsWith('local'),
  });
}

/** A look at the purse, as people do between two questions. */
export function lookAtPurse() {
  const answer = http.get(`${url}/v1/purse`, { headers: headers(), tags: { name: 'GET /v1/purse' } });
  check(answer, { 'has a purse': ({ status }) => status === 200 });
}

/** Numbers for whoever started the run, beside the usual summary on the screen. */
export function handleSummary(data) {
  const count = data.metrics.watershed_answers?.values.count ?? 0;
  return { [__ENV.WATERSHED_SUMMARY]: JSON.stringify({ answers: count }) };
}
