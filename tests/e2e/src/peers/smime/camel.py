"""S/MIME by Camel, the engine of Evolution: one command on a line of standard input, one answer for each.

    sign IN OUT SIGNER DIGEST OPAQUE    verify IN OUT
    encrypt IN OUT READER...            decrypt IN OUT

The answer is "ok", or "no" and why. Keys are in the NSS database of the home folder, where Camel looks for them.
"""

import sys

import gi

gi.require_version("Camel", "1.2")
from gi.repository import Camel  # noqa: E402

HASHES = {
    "own": Camel.CipherHash.DEFAULT,
    "md5": Camel.CipherHash.MD5,
    "sha1": Camel.CipherHash.SHA1,
    "sha256": Camel.CipherHash.SHA256,
    "sha384": Camel.CipherHash.SHA384,
    "sha512": Camel.CipherHash.SHA512,
}


def read(name):
    with open(name, "rb") as file:
        stream = Camel.StreamMem.new_with_buffer(file.read())
    part = Camel.MimePart()
    part.construct_from_stream_sync(stream, None)
    return part


def write(name, part):
    stream = Camel.StreamMem.new()
    part.write_to_stream_sync(stream, None)
    with open(name, "wb") as file:
        file.write(bytes(stream.get_byte_array()))


def run(context, words):
    verb, source, target, *rest = words
    part, made = read(source), Camel.MimePart()
    if verb == "sign":
        signer, digest, opaque = rest
        if digest not in HASHES:
            raise ValueError("there is no such digest")
        mode = Camel.SMIMESign.ENVELOPED if opaque == "true" else Camel.SMIMESign.CLEARSIGN
        context.set_sign_mode(mode)
        context.sign_sync(signer, HASHES[digest], part, made, None)
    elif verb == "verify":
        # As Evolution does it: what is inside of its signature is opened like what is encrypted.
        if isinstance(part.get_content(), Camel.Multipart):
            validity = context.verify_sync(part, None)
            made = part.get_content().get_part(0)
        else:
            validity = context.decrypt_sync(part, made, None)
        if not validity.get_valid():
            raise ValueError(validity.get_description() or "not valid")
    elif verb == "encrypt":
        context.encrypt_sync(None, rest, part, made, None)
    else:
        context.decrypt_sync(part, made, None)
    write(target, made)


def main(folder):
    Camel.init(folder, True)
    context = Camel.SMIMEContext.new(Camel.Session(user_data_dir=folder, user_cache_dir=folder))
    for line in sys.stdin:
        try:
            run(context, line.split())
            print("ok", flush=True)
        except Exception as error:
            print("no", " ".join(str(error).split()), flush=True)


main(sys.argv[1])
