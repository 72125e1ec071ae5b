// Holds what was received, or is to be sent in a provider's name, against code that is not ours. One JSON object a line on
// standard input, one on standard output: {"problem": null}, or what is wrong; with more where it says so.
//
//   {"kind": "sigv4", service, region, access_key_id, secret_access_key, method, path, headers, body}
//   {"kind": "standard_webhook", secret, headers, body}
//   {"kind": "twilio_sign", auth_token, url, form}: signature, as Twilio's own package makes it
//   {"kind": "twilio", auth_token, signature, url, form}
//   {"kind": "sendgrid", public_key, signature, timestamp, body}
//
// Headers have their names in lower case; body is text.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { SignatureV4 } from "@smithy/signature-v4";
import { Sha256 } from "@aws-crypto/sha256-js";
import aws4 from "aws4";
import { Webhook as StandardWebhook } from "standardwebhooks";

const load = createRequire(import.meta.url);
const { Webhook: SvixWebhook } = load("svix");

const pick = (headers, names) => Object.fromEntries(names.map((name) => [name, headers[name]]));

function readAuthorization(text) {
  const found = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(text ?? "");
  if (!found) throw new Error(`Authorization is ${text}`);
  const [, keyId, day, region, service, signed, signature] = found;
  return { keyId, day, region, service, signed: signed.split(";"), signature };
}

function signatureOf(authorization) {
  return /Signature=([0-9a-f]{64})/.exec(authorization)[1];
}

async function bySmithy(r, given, date, headers) {
  const signer = new SignatureV4({
    service: r.service, region: r.region, sha256: Sha256, applyChecksum: false,
    credentials: { accessKeyId: r.access_key_id, secretAccessKey: r.secret_access_key },
  });
  const signed = await signer.sign(
    { method: r.method, protocol: "http:", hostname: headers.host, path: r.path, query: {}, headers, body: r.body },
    { signingDate: date, signableHeaders: new Set(given.signed) });
  return signatureOf(signed.headers.authorization);
}

function byAws4(r, headers) {
  const signed = aws4.sign(
    { host: headers.host, method: r.method, path: r.path, headers, body: r.body, service: r.service, region: r.region,
      extraHeadersToInclude: { "user-agent": true }, extraHeadersToIgnore: { "content-length": true } },
    { accessKeyId: r.access_key_id, secretAccessKey: r.secret_access_key });
  return signatureOf(signed.headers.Authorization);
}

async function sigv4(r) {
  const given = readAuthorization(r.headers.authorization);
  const stamp = r.headers["x-amz-date"];
  if (given.keyId !== r.access_key_id) return `key ${given.keyId}`;
  if (given.region !== r.region || given.service !== r.service) return `scope ${given.region}/${given.service}`;
  for (const name of ["host", "x-amz-date"]) if (!given.signed.includes(name)) return `${name} is not signed`;
  for (const name of given.signed) if (!(name in r.headers)) return `${name} is signed, but was not sent`;
  const date = new Date(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (Math.abs(Date.now() - date) > 300000) return `x-amz-date is ${stamp}`;
  const headers = pick(r.headers, given.signed);
  const wanted = { smithy: await bySmithy(r, given, date, { ...headers }), aws4: byAws4(r, { ...headers }) };
  const wrong = Object.entries(wanted).filter(([, signature]) => signature !== given.signature);
  return wrong.length ? `signature ${given.signature}, but ${JSON.stringify(wanted)}` : null;
}

function standardWebhook(r) {
  for (const Verifier of [StandardWebhook, SvixWebhook]) new Verifier(r.secret).verify(r.body, r.headers);
  return null;
}

// Loaded by its path: the whole package takes seconds, which few need to wait for.
const twilioPackage = () => load(new URL("node_modules/twilio/lib/webhooks/webhooks.js", import.meta.url).pathname);

function twilioSign(r) {
  return { problem: null, signature: twilioPackage().getExpectedTwilioSignature(r.auth_token, r.url, r.form) };
}

function twilio(r) {
  return twilioPackage().validateRequest(r.auth_token, r.signature, r.url, r.form) ? null : "validateRequest says no";
}

function sendgrid(r) {
  const { EventWebhook } = load("@sendgrid/eventwebhook");
  const webhook = new EventWebhook();
  const key = webhook.convertPublicKeyToECDSA(r.public_key);
  return webhook.verifySignature(key, r.body, r.signature, r.timestamp) ? null : "verifySignature says no";
}

const kinds = { none: () => null, sigv4, standard_webhook: standardWebhook, twilio_sign: twilioSign, twilio, sendgrid };

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = await kinds[request.kind](request);
  } catch (error) {
    answer = String(error);
  }
  console.log(JSON.stringify(answer !== null && typeof answer === "object" ? answer : { problem: answer }));
}
