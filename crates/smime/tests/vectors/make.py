#!/usr/bin/env python3
"""Makes the messages with OpenSSL, so that our writer does not vouch for our reader.

Each message is a folder with message.eml; what is expected of it (`expect`, and `shown.eml` if something is delivered)
is written by hand and read by tests/it/vectors.rs. The keys in keys/ stay, a message that is there is left as it is.
Usage: make.py [name ...] makes these anew.
"""
import base64
import os
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = os.path.join(HERE, "keys")
OUTER = (
    "Received: from desk by mail.acme.example; Sat, 20 Feb 2027 12:27:02 -0500\r\n"
    "From: Joerg <joerg@acme.example>\r\nTo: Hank <hank@globex.example>\r\nSubject: %s\r\n"
    "Date: Sat, 20 Feb 2027 12:27:02 -0500\r\nMessage-ID: <%s@acme.example>\r\nMIME-Version: 1.0\r\n"
)
TEXT = "Content-Type: text/plain; charset=us-ascii%s\r\n\r\nMeet me at noon.\r\n"
GCM, CBC = "-aes-256-gcm", "-aes256"


def openssl(*words, data=b""):
    done = subprocess.run(["openssl", *words], input=data, capture_output=True, cwd=KEYS, check=False)
    if done.returncode != 0:
        raise SystemExit(f"openssl {words}: {done.stderr.decode()}")
    return done.stdout


def keys():
    """Makes an authority, Joerg who signs, Hank who reads, and Eve who is certified by somebody else."""
    os.makedirs(KEYS, exist_ok=True)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    days = ["-days", "36500"]
    ca = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    for name, subject, issuer, usage, key in [
        ("acme", "/O=Acme/CN=acme.example mail CA", None, None, curve),
        ("evil", "/O=Evil/CN=evil.example mail CA", None, None, curve),
        ("joerg", "/O=Acme/CN=Joerg", "acme", "digitalSignature", curve),
        ("hank", "/O=Globex/CN=Hank", "acme", "keyEncipherment", ["-newkey", "rsa:2048", "-nodes"]),
        ("eve", "/O=Evil/CN=Eve", "evil", "digitalSignature", curve),
    ]:
        if os.path.exists(os.path.join(KEYS, name + ".pem")):
            continue
        if issuer is None:
            openssl("req", "-x509", *key, "-keyout", name + ".key", "-out", name + ".pem", "-subj", subject, *days, *ca)
            continue
        mailbox = {"hank": "hank@globex.example"}.get(name, "joerg@acme.example")
        extensions = (
            f"subjectAltName=email:{mailbox}\nkeyUsage=critical,{usage}\nextendedKeyUsage=emailProtection\n"
            "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        with tempfile.NamedTemporaryFile("w", suffix=".cnf") as config:
            config.write(extensions)
            config.flush()
            request = openssl("req", "-new", *key, "-keyout", name + ".key", "-subj", subject)
            signed = ["-CA", issuer + ".pem", "-CAkey", issuer + ".key", "-set_serial", str(len(name) + 10)]
            openssl("x509", "-req", "-out", name + ".pem", "-extfile", config.name, *signed, *days, data=request)


def crlf(data):
    """Makes an entity of what openssl writes."""
    entity = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return entity.replace(b"MIME-Version: 1.0\r\n", b"", 1)


def sign(content, *options, who="joerg"):
    content = content.encode() if isinstance(content, str) else content
    command = ["cms", "-sign", "-binary", "-signer", who + ".pem", "-inkey", who + ".key"]
    return crlf(openssl(*command, *options, data=content))


def opaque(content, *options, who="joerg"):
    return sign(content, "-nodetach", *options, who=who)


def seal(content, cipher=GCM, *options):
    content = content.encode() if isinstance(content, str) else content
    return crlf(openssl("cms", "-encrypt", "-binary", cipher, *options, "hank.pem", data=content))


def body(entity):
    return base64.b64decode(entity.split(b"\r\n\r\n", 1)[1])


def armored(der, kind="application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"):
    lines = base64.encodebytes(der).replace(b"\n", b"\r\n")
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + lines


def element(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def header(subject, name, *more, structure="text/plain; charset=us-ascii", outer="[...]", hp="cipher"):
    """The header of a payload as RFC 9788 has it, with what stands outside."""
    shown = OUTER % (outer, name)
    lines = [line for line in (OUTER % (subject, name)).split("\r\n")[1:-2]]
    fields = "\r\n".join(lines) + "\r\n" + "".join(more)
    fields += f'Content-Type: {structure}; hp="{hp}"\r\n'
    if hp == "cipher":
        fields += "".join(f"HP-Outer: {line}\r\n" for line in shown.split("\r\n")[1:-2])
    return fields


ALTERNATIVES = (
    "--alt\r\nContent-Type: text/plain; charset=us-ascii%s\r\n\r\n%sMeet me at noon.\r\n"
    "--alt\r\nContent-Type: text/html; charset=us-ascii%s\r\n\r\n<html><body>%s<p>Meet me at noon.</p></body></html>\r\n--alt--\r\n"
)


def complex_body(parameter="", lines="", element_of=""):
    inner = ALTERNATIVES % (parameter, lines, parameter, element_of)
    return (
        "--mix\r\nContent-Type: multipart/alternative; boundary=alt\r\n\r\n" + inner
        + "\r\n--mix\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
        "Content-Disposition: inline\r\n\r\niVBORw0KGgo=\r\n--mix--\r\n"
    )


MIXED = "multipart/mixed; boundary=mix"
LEGACY = '; hp-legacy-display="1"'
DISPLAY = '<div class="header-protection-legacy-display"><pre>Subject: Lunch</pre></div>'
NOON = "\r\nMeet me at noon.\r\n"


def mail(entity, name, subject="[...]", outer=OUTER):
    entity = entity.encode() if isinstance(entity, str) else entity
    return (outer % (subject, name)).encode() + entity


def wrapped(name, parameter=""):
    return f"MIME-Version: 1.0\r\nContent-Type: message/rfc822{parameter}\r\n\r\n" + OUTER % ("Lunch", name) + TEXT % ""


def older(name):
    fields = "\r\n".join((OUTER % ("Lunch", name)).split("\r\n")[1:-2]) + "\r\n"
    return (
        fields + 'Content-Type: multipart/mixed; boundary="6ae"; protected-headers="v1"\r\n\r\n--6ae\r\n'
        'Content-Type: text/plain; protected-headers="v1"\r\nContent-Disposition: inline\r\n\r\nSubject: Lunch\r\n\r\n--6ae\r\n'
        + TEXT % "" + "--6ae--\r\n"
    )


def reply(name):
    return 'In-Reply-To: <first@acme.example>\r\nReferences: <first@acme.example>\r\n'


def header_protection(name):
    clear = header("Lunch", name, hp="clear", outer="Lunch") + NOON
    clear_complex = header("Lunch", name, hp="clear", outer="Lunch", structure=MIXED) + "\r\n" + complex_body()
    cipher = header("Lunch", name) + NOON
    legacy = header("Lunch", name, structure="text/plain; charset=us-ascii" + LEGACY) + "\r\nSubject: Lunch\r\n" + NOON
    complex_cipher = header("Lunch", name, structure=MIXED) + "\r\n" + complex_body()
    complex_legacy = header("Lunch", name, structure=MIXED) + "\r\n" + complex_body(LEGACY, "Subject: Lunch\r\n\r\n", DISPLAY)
    answer = header("Re: Lunch", name, reply(name)) + NOON
    changed = header("Lunch", name, hp="clear", outer="Lunch") + NOON
    return {
        "unprotected-signed": mail(sign(TEXT % ""), name, "Lunch"),
        "unprotected-signed-encrypted": mail(seal(sign(TEXT % "")), name, "Lunch"),
        "hp-clear-multipart": mail(sign(clear), name, "Lunch"),
        "hp-clear-one-part": mail(opaque(clear), name, "Lunch"),
        "hp-clear-multipart-complex": mail(sign(clear_complex), name, "Lunch"),
        "hp-clear-one-part-complex": mail(opaque(clear_complex), name, "Lunch"),
        "hp-cipher-baseline": mail(seal(opaque(cipher)), name),
        "hp-cipher-baseline-detached": mail(seal(sign(cipher)), name),
        "hp-cipher-baseline-legacy": mail(seal(opaque(legacy)), name),
        "hp-cipher-baseline-complex": mail(seal(opaque(complex_cipher)), name),
        "hp-cipher-baseline-complex-legacy": mail(seal(opaque(complex_legacy)), name),
        "hp-cipher-baseline-reply": mail(seal(opaque(answer)), name),
        "hp-cipher-not-signed": mail(seal(cipher), name),
        "hp-cipher-cbc": mail(seal(opaque(cipher), CBC), name),
        "hp-cipher-triple": mail(sign(seal(opaque(cipher))), name),
        "hp-cipher-subject-tagged": mail(seal(opaque(cipher)), name, "[list] [...]"),
        "hp-cipher-from-changed": mail(seal(opaque(cipher)), name, outer=OUTER.replace("joerg@", "boss@")),
        "hp-cipher-field-added": mail(seal(opaque(cipher)), name, outer="Reply-To: eve@evil.example\r\n" + OUTER),
        "hp-cipher-signed-by-a-stranger": mail(seal(opaque(cipher, who="eve")), name),
        "hp-clear-subject-changed": mail(sign(changed), name, "Account changed"),
        "hp-clear-encrypted-by-another": mail(seal(sign(clear)), name),
        "hp-between-the-layers": mail(seal(b'Subject: Between\r\n' + opaque(TEXT % "").replace(
            b"application/pkcs7-mime;", b'application/pkcs7-mime; hp="cipher";')), name),
        "rfc8551hp-multipart": mail(sign(wrapped(name)), name, "Lunch"),
        "rfc8551hp-one-part": mail(opaque(wrapped(name)), name, "Lunch"),
        "rfc8551hp-signed-encrypted": mail(seal(opaque(wrapped(name))), name),
        "rfc8551hp-forwarded-no": mail(seal(opaque(wrapped(name, "; forwarded=no"))), name),
        "rfc8551hp-is-a-forwarded-message": mail(sign(wrapped("another")), name, "Fwd: Lunch"),
        "protected-headers-v1-legacy-display": mail(seal(opaque(older(name))), name, "..."),
        "protected-headers-v1-not-signed": mail(seal(older(name)), name, "..."),
    }


def oid(*last):
    return element(6, bytes([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, *last]))


def data(content):
    return element(0x30, oid(9, 16, 1, 9), element(0xA0, element(
        0x30, element(2, b"\0"), element(0x30, oid(9, 16, 3, 8)),
        element(0x30, oid(7, 1), element(0xA0, element(4, zlib.compress(content, 9)))))))


def flipped(der, at):
    return der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :]


def nested(entity, times):
    for _ in range(times):
        entity = opaque(entity)
    return entity


def hostile(name):
    content = TEXT % ""
    gcm, cbc = body(seal(opaque(content))), body(seal(opaque(content), CBC))
    signed, unpacked = sign(content), body(opaque(content))
    enveloped = oid(7, 3)
    bomb = element(4, b"")
    for _ in range(2000):
        bomb = element(0x24, bomb)
    bag = openssl("crl2pkcs7", "-nocrl", "-certfile", "joerg.pem", "-outform", "DER")
    attached = base64.encodebytes(unpacked).replace(b"\n", b"\r\n")
    start = signed.index(b"\r\n\r\n", signed.index(b"Content-Type: application/pkcs7-signature")) + 4
    end = signed.index(b"\r\n------", start)
    fragment, boundary = signed[start:end], signed.split(b'boundary="', 1)[1].split(b'"', 1)[0]
    third = b"\r\n--" + boundary + b"\r\nContent-Type: text/plain\r\n\r\nPay to account 2.\r\n--" + boundary + b"--"
    sizes = b"\x30\x80" + enveloped + b"\xa0\x80\x30\x80\x02\x01\x00\x31\x85\xff\xff\xff\xff\xff"
    link = "Content-Type: text/html\r\n\r\n<img src=\"http://evil.example/%s\">\r\n"
    signed_type = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    plain = "application/pkcs7-mime; smime-type=%s; name=smime.p7m"
    messages = {
        "gcm-cut": armored(gcm[: len(gcm) * 2 // 3]),
        "gcm-without-its-tag": armored(gcm[:-18]),
        "gcm-tag-wrong": armored(flipped(gcm, len(gcm) - 2)),
        "gcm-ciphertext-changed": armored(flipped(gcm, len(gcm) - 60)),
        "cbc-cut": armored(cbc[: len(cbc) * 2 // 3]),
        "cbc-ciphertext-changed": armored(flipped(cbc, len(cbc) - 500)),
        "cbc-last-block-changed": armored(flipped(cbc, len(cbc) - 20)),
        "key-changed": armored(flipped(gcm, gcm.index(b"\x04\x82\x01\x00") + 40)),
        "content-type-unknown": armored(gcm.replace(oid(9, 16, 1, 23), oid(9, 16, 1, 99), 1)),
        "says-enveloped-and-is-authenveloped": armored(gcm.replace(
            b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", enveloped + b"\x05\x00", 1)),
        "smime-type-wrong": armored(gcm, signed_type),
        "smime-type-wrong-opaque": armored(unpacked, plain % "enveloped-data"),
        "smime-type-unknown": armored(gcm, plain % "quantum-data"),
        "signature-cut": signed.replace(fragment, fragment[: len(fragment) // 2]),
        "signature-empty": signed.replace(fragment, b""),
        "signature-is-no-asn1": signed.replace(fragment, b"bm8gQVNOLjEgYXQgYWxs\r\n"),
        "signature-with-its-own-content": signed.replace(fragment, attached),
        "signature-of-another-content": signed.replace(b"noon", b"nine"),
        "signature-by-a-stranger": sign(content, who="eve"),
        "signature-with-sha1": sign(content, "-md", "sha1"),
        "signature-without-attributes": sign(content, "-noattr"),
        "signature-without-certificate": sign(content, "-nocerts"),
        "signed-has-a-third-part": signed.replace(b"\r\n--" + boundary + b"--", third),
        "signed-has-text-around": b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nPay to account 2.\r\n--o\r\n"
        + signed + b"\r\n--o--\r\n",
        "signed-boundary-twice": signed.replace(b"boundary=", b"boundary=other; boundary=", 1),
        "opaque-cut": armored(unpacked[:-40], signed_type),
        "opaque-changed": armored(unpacked.replace(b"noon", b"nine"), signed_type),
        "ber-bomb": armored(element(0x30, enveloped, element(0xA0, bomb))),
        "ber-bomb-in-the-content": armored(element(0x30, oid(7, 2), element(0xA0, element(
            0x30, element(2, b"\1"), element(0x31), element(0x30, oid(7, 1), element(0xA0, bomb)), element(0x31)))), signed_type),
        "ber-length-without-end": armored(sizes),
        "ber-empty": armored(b""),
        "zlib-bomb": armored(data(b"0" * 40_000_000), plain % "compressed-data"),
        "too-many-layers": nested(content, 9),
        "layers-as-deep-as-allowed": nested(content, 8),
        "certificates-only": armored(bag, plain % "certs-only"),
        "base64-is-rubbish": armored(b"").replace(b"\r\n\r\n", b"\r\n\r\n%%%% ---- ****\r\n"),
        "html-that-calls-home": seal(link % "", CBC),
        "html-that-calls-home-signed": seal(opaque(link % ""), CBC),
        "lone-cr-in-the-header-inside": seal("Subject: a\rBcc: eve@evil.example\r\n" + TEXT % '; hp="cipher"'),
        "smuggled-line-ends": seal(content + ".\nMAIL FROM:<eve@evil.example>\n"),
    }
    made = {case: mail(entity, name, "Lunch") for case, entity in messages.items()}
    made["from-twice"] = b"From: boss@acme.example\r\n" + mail(signed, name, "Lunch")
    made["from-missing"] = mail(signed, name, "Lunch", OUTER.replace("From: Joerg <joerg@acme.example>\r\n", ""))
    made["from-name-shows-another"] = mail(signed, name, "Lunch", OUTER.replace("Joerg <", '"boss@bank.example" <'))
    return made


def main():
    keys()
    wanted = sys.argv[1:]
    for case, message in {**header_protection("1"), **hostile("1")}.items():
        file = os.path.join(HERE, case, "message.eml")
        if case in wanted or not os.path.exists(file):
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "wb") as out:
                out.write(message)


main()
