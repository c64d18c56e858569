#!/usr/bin/env python3
"""Recomputes testdata/vectors/*.json with Python's standard library, and says what differs."""
import hashlib
import hmac
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "testdata" / "vectors"
checked = 0


def vectors(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def same(what, found, expected):
    global checked
    if found != expected:
        sys.exit(f"{what}: computed {found}, the vector says {expected}")
    checked += 1


def blake2b(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).hexdigest()


def compact(length):
    """SCALE's compact length."""
    if length < 1 << 6:
        return bytes([length << 2])
    return (length << 2 | 1).to_bytes(2, "little")


def padded(length, first, last=None, coarse_up_to=None):
    needed = length + 8
    if last and needed > last:
        return needed
    power = max(first, 1 << (needed - 1).bit_length())
    if coarse_up_to and power > coarse_up_to and needed <= power // 4 * 3:
        return power // 4 * 3
    return min(power, last) if last else power


KIB = 1024
for row in vectors("sizes"):
    for name, sizes in {
        "payload": (16 * KIB, None, 16 * KIB * KIB),
        "manifest": (4 * KIB, 56 * KIB),
        "message": (16 * KIB, 56 * KIB),
        "keyring": (32 * KIB, 240 * KIB),
        "secret": (KIB,),
    }.items():
        same(name, padded(row["length"], *sizes), row[name])

document = vectors("compartments")
for row in document["compartments"]:
    label = row["label"]
    kind = label["kind"]
    number = label.get(kind if kind != "spare" else "number")
    parts = [kind.encode(), b"" if number is None else bytes([number])]
    message = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    tag = hmac.new(bytes.fromhex(document["tag_key"]), message, hashlib.sha256).digest()
    same("compartment", tag[:16].hex(), row["id"])

for row in vectors("person"):
    terms = (b"salus/seal/v1" + row["organisation"].to_bytes(4, "little") + bytes.fromhex(row["scope_scale"])
             + row["expires_at"].to_bytes(8, "little"))
    secret = hmac.new(bytes.fromhex(row["tag_key"]), terms, hashlib.sha256).hexdigest()
    same("seal's secret", secret, row["secret"])
    same("seal of a person", blake2b(b"salus/person/v1", bytes.fromhex(row["genesis"]), bytes.fromhex(row["patient"]),
                                     row["grant"].to_bytes(4, "little"), bytes.fromhex(secret),
                                     bytes.fromhex(row["account"])), row["seal"])

for row in vectors("binding"):
    inputs = (bytes.fromhex(row["genesis"]) + bytes([row["kind_number"]]) + bytes.fromhex(row["patient"])
              + bytes.fromhex(row["author"]) + bytes.fromhex(row["nonce"]))
    same("binding", blake2b(b"salus/binding/v1", inputs), row["hash"])
    same("binding file", inputs.hex() + row["hash"], row["file"])

for row in vectors("placement"):
    def score(organisation):
        return blake2b(b"salus/placement/v1", bytes.fromhex(row["patient"]), organisation.to_bytes(4, "little"))

    care = [one for one, kind in row["vaults"] if kind in ("Hospital", "Clinic", "Laboratory", "Pharmacy")]
    others = sorted((one for one in care if one != row["home"]), key=score, reverse=True)
    home = [row["home"]] if row["home"] in care else []
    same("placement", (home + others)[:row["copies"]], row["keepers"])

for row in vectors("plan"):
    ids = [bytes.fromhex(one) for one in row["compartments"]]
    same("plan", blake2b(b"salus/plan/v1", bytes.fromhex(row["patient"]), bytes.fromhex(row["salt"]),
                         compact(len(ids)), *ids), row["commitment"])

for row in vectors("manifest"):
    fields = json.loads(row["manifest"])
    canonical = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    same("manifest's form", canonical, row["manifest"])
    same("salt", fields.pop("salt"), row["salt"])
    unsalted = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    same("manifest's hash", hashlib.sha256(unsalted).hexdigest(), row["manifest_sha256"])
    same("payload's hash", hashlib.sha256(row["payload"].encode()).hexdigest(), row["payload_sha256"])
    same("commitment", blake2b(b"salus/record/v1", *(bytes.fromhex(row[name]) for name in (
        "genesis", "patient", "salt", "manifest_sha256", "payload_sha256"))), row["commitment"])

for row in vectors("recipient"):
    key = bytes.fromhex(row["key"])
    same("recipient", blake2b(b"salus/recipient/v1", bytes.fromhex(row["genesis"]),
                              bytes.fromhex(row["subject_scale"]), bytes([row["scheme"]]), compact(len(key)), key,
                              row["epoch"].to_bytes(4, "little")), row["payload"])

for row in vectors("compartment-keys"):
    listed = b"".join(bytes.fromhex(part) for pair in row["compartments"] for part in pair)
    same("compartments' keys", blake2b(b"salus/compartments/v1", bytes.fromhex(row["genesis"]),
                                       bytes.fromhex(row["patient"]), bytes([row["scheme"]]), listed), row["payload"])

for row in vectors("patient") + vectors("enrolment"):
    same("patient", blake2b(b"salus/patient/v1", *(bytes.fromhex(row[name]) for name in (
        "genesis", "controller", "salt")))[:32], row["patient"])

for row in vectors("helper"):
    same("helper", blake2b(b"salus/helper/v1", *(bytes.fromhex(row[name]) for name in ("patient", "salt", "account")),
                           bytes([row["threshold"]])), row["commitment"])

for row in vectors("enrolment"):
    same("enrolment", blake2b(b"salus/enrol/v1", bytes.fromhex(row["genesis"]), row["organisation"].to_bytes(4, "little"),
                              bytes.fromhex(row["enroller"]), bytes.fromhex(row["patient"]),
                              bytes.fromhex(row["controller"]), bytes.fromhex(row["salt"]),
                              row["expires_at"].to_bytes(8, "little")), row["payload"])

document = vectors("trail")
head = blake2b(b"salus/trail/v1", bytes.fromhex(document["genesis"]), bytes.fromhex(document["patient"]))
same("trail's start", head, document["start"])
for n, row in enumerate(document["entries"], start=1):
    head = blake2b(bytes.fromhex(head), n.to_bytes(8, "little"), row["moment"].to_bytes(8, "little"),
                   bytes.fromhex(row["event"]))
    same(f"trail's entry {n}", head, row["hash"])

row = vectors("session")
text = "\n".join(["salus-session/v1", f"genesis: 0x{row['genesis']}", f"audience: {row['audience']}",
                  f"origin: {row['origin']}", f"account: 0x{row['account']}", f"nonce: {row['nonce']}",
                  f"expires: {row['expires']}"])
same("session challenge", text, row["text"])

def times(left, right):
    """In GF(256) with the polynomial 0x11d."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left = left << 1 ^ (0x11d if left & 0x80 else 0)
        right >>= 1
    return product


document = vectors("share")
polynomials = [bytes.fromhex(row) for row in [document["secret"], *document["coefficients"]]]
for row in document["shares"]:
    values, power = bytes(len(polynomials[0])), 1
    for coefficients in polynomials:
        values = bytes(value ^ times(coefficient, power) for value, coefficient in zip(values, coefficients))
        power = times(power, row["number"])
    head = bytes([1, *bytes.fromhex(document["set"]), document["threshold"], document["count"], row["number"]])
    checksum = bytes.fromhex(blake2b(b"salus/share/v1", head, values))[:8]
    same("share", (head + values + checksum).hex(), row["bytes"])
    same("share's fingerprint", blake2b(bytes.fromhex(row["bytes"])), row["fingerprint"])
    same("share's salt", blake2b(b"salus/share/salt/v1", bytes([0x66]) * 32, bytes.fromhex(row["bytes"])),
         row["salt_with_nonce_66"])

for row in vectors("succession"):
    same("succession", blake2b(b"salus/succeed/v1", bytes.fromhex(row["genesis"]), bytes.fromhex(row["patient"]),
                               bytes.fromhex(row["owner"]), row["expires_at"].to_bytes(8, "little")), row["payload"])

print(f"vectors: {checked} values agree with Python's standard library")
