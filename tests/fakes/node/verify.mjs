// Holds what was received against code that is not ours. One JSON object a line on standard input, one on standard
// output: {"problem": null}, or what is wrong.
//
//   {"kind": "sigv4", service, region, access_key_id, secret_access_key, method, path, headers, body}
//   {"kind": "standard_webhook", secret, headers, body}
//
// Headers have their names in lower case; body is text.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { SignatureV4 } from "@smithy/signature-v4";
import { Sha256 } from "@aws-crypto/sha256-js";
import aws4 from "aws4";
import { Webhook as StandardWebhook } from "standardwebhooks";

const { Webhook: SvixWebhook } = createRequire(import.meta.url)("svix");

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

const kinds = { sigv4, standard_webhook: standardWebhook };

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let problem;
  try {
    problem = await kinds[request.kind](request);
  } catch (error) {
    problem = String(error);
  }
  console.log(JSON.stringify({ problem }));
}
