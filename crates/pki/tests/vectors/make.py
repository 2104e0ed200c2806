#!/usr/bin/env python3
"""Makes the path vectors with OpenSSL, so that our issuer does not vouch for our checker.

Each case is a folder under path/ with target.pem, pool.pem, anchors.pem and expect. The keys are thrown away, so
running this again changes every file; the tests read the files only. Usage: make.py [case ...]
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NOON = 1780315200  # 2026-06-01 12:00 UTC
OK = ("20260101000000Z", "20300101000000Z")
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
IDS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
SIGN = "keyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n"
MAIL = "subjectAltName=email:alice@globex.example\n"
LEAF = SIGN + MAIL

CONFIG = """
[ca]
default_ca = d
[d]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
policy = p
unique_subject = no
email_in_dn = yes
[p]
organizationName = optional
commonName = optional
emailAddress = optional
"""


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Party:
    """A key and its certificates."""

    def __init__(self, work, name, subject=None, key=("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")):
        self.work, self.name = work, name
        self.subject = subject or f"/O=Globex/CN={name}"
        self.key = f"{work}/{name}.key"
        run("openssl", "genpkey", *key, "-out", self.key)

    def issue(self, subject, extensions, valid=OK, digest="sha256", issuer_certificate=None, ids=IDS):
        """Issues a certificate for another party (or for itself) and returns the PEM."""
        out, request = f"{self.work}/out.pem", f"{self.work}/req.pem"
        config, extfile = f"{self.work}/ca.cnf", f"{self.work}/ext.cnf"
        open(config, "w").write(CONFIG.format(dir=self.work))
        open(extfile, "w").write(ids + extensions)
        open(f"{self.work}/index.txt", "w").close()
        run("openssl", "req", "-new", "-utf8", "-key", subject.key, "-subj", subject.subject, "-out", request)
        command = ["openssl", "ca", "-batch", "-notext", "-utf8", "-config", config, "-in", request, "-out", out, "-md", digest,
                   "-startdate", valid[0], "-enddate", valid[1], "-extfile", extfile, "-keyfile", self.key, "-preserveDN"]
        if subject is self and issuer_certificate is None:
            command += ["-selfsign"]
        else:
            file = f"{self.work}/issuer.pem"
            open(file, "w").write(issuer_certificate)
            command += ["-cert", file]
        run(*command)
        return open(out).read()


def case(name, target, pool, anchors, outcome, failures=(), purpose="smime-sign", at=NOON, openssl=None, why=None):
    folder = f"{HERE}/path/{name}"
    os.makedirs(folder, exist_ok=True)
    write = lambda file, text: open(f"{folder}/{file}", "w").write(text)
    write("target.pem", target)
    write("pool.pem", "".join(pool))
    write("anchors.pem", "".join(anchors))
    openssl = openssl or ("accept" if outcome == "trusted" else "reject")
    lines = [f"purpose: {purpose}", f"at: {at}", f"outcome: {outcome}", f"failures: {' '.join(failures)}".strip(), f"openssl: {openssl}"]
    if why:
        lines.append(f"why: {why}")
    write("expect", "\n".join(lines) + "\n")


def simple(work, name, outcome="trusted", failures=(), root=CA, leaf=LEAF, root_valid=OK, leaf_valid=OK, digest="sha256",
           leaf_key=None, leaf_subject=None, purpose="smime-sign", openssl=None, why=None, leaf_ids=IDS):
    """A root and a leaf below it."""
    authority = Party(work, "Root")
    keys = {"key": leaf_key} if leaf_key else {}
    alice = Party(work, "alice", leaf_subject, **keys)
    anchor = authority.issue(authority, root, root_valid)
    target = authority.issue(alice, leaf, leaf_valid, digest, anchor, leaf_ids)
    case(name, target, [], [anchor], outcome, failures, purpose, openssl=openssl, why=why)


def chain(work, name, outcome="trusted", failures=(), root=CA, middle=CA, leaf=LEAF, middle_subject=None, middle_valid=OK,
          openssl=None, why=None):
    """A root, an authority below it and a leaf."""
    authority, issuing, alice = Party(work, "Root"), Party(work, "Issuing", middle_subject), Party(work, "alice")
    anchor = authority.issue(authority, root)
    between = authority.issue(issuing, middle, middle_valid, issuer_certificate=anchor)
    target = issuing.issue(alice, leaf, issuer_certificate=between)
    case(name, target, [between], [anchor], outcome, failures, openssl=openssl, why=why)


def rollover(work):
    """The authority has a new key; the old anchor vouches for it with a self-issued certificate."""
    old, new, alice = Party(work, "Root"), Party(work, "Root2", "/O=Globex/CN=Root"), Party(work, "alice")
    anchor = old.issue(old, "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n")
    link = old.issue(new, CA, issuer_certificate=anchor)
    target = new.issue(alice, LEAF, issuer_certificate=link)
    case("self_issued_rollover_does_not_count_for_the_path_length", target, [link], [anchor], "trusted")


def cross(work):
    """Two authorities vouch for each other; only one of them is an anchor, and the pool has useless certificates first."""
    ours, theirs, alice, other = Party(work, "Ours"), Party(work, "Theirs"), Party(work, "alice"), Party(work, "Other")
    anchor = ours.issue(ours, CA)
    own = theirs.issue(theirs, CA)
    there = ours.issue(theirs, CA, issuer_certificate=anchor)
    back = theirs.issue(ours, CA, issuer_certificate=own)
    noise = other.issue(other, CA)
    target = theirs.issue(alice, LEAF, issuer_certificate=own)
    case("cross_certificates_in_any_order", target, [noise, back, own, there], [anchor], "trusted", openssl="reject",
         why="OpenSSL takes the self-signed issuer first and does not go back")


def forged(work):
    """Somebody makes an authority with the partner's name and issues with it."""
    real, false, alice = Party(work, "Root"), Party(work, "Root2", "/O=Globex/CN=Root"), Party(work, "alice")
    anchor = real.issue(real, CA)
    impostor = false.issue(false, CA)
    target = false.issue(alice, LEAF, issuer_certificate=impostor)
    case("impostor_with_the_name_of_the_anchor", target, [impostor], [anchor], "rejected", ["pki.path.signature"])
    case("no_anchor_known", target, [impostor], [], "stranger", ["pki.path.no_anchor"])
    case("issuer_missing", target, [], [], "stranger", ["pki.path.no_anchor"])
    case("pinned_certificate", target, [], [target], "trusted", openssl="reject", why="OpenSSL needs -partial_chain for this")


def same_leaf_as_issuer(work):
    """An ordinary certificate signs another one (the oldest attack there is)."""
    root, mallory, victim = Party(work, "Root"), Party(work, "mallory"), Party(work, "victim")
    anchor = root.issue(root, CA)
    own = root.issue(mallory, LEAF, issuer_certificate=anchor)
    target = mallory.issue(victim, LEAF, issuer_certificate=own)
    case("leaf_that_issues", target, [own], [anchor], "rejected",
         ["pki.path.basic_constraints", "pki.path.key_cert_sign"])


def names(work, name, constraint, san, broken, openssl=None, why=None, subject=None):
    root, alice = Party(work, "Root"), Party(work, "alice", subject)
    anchor = root.issue(root, CA + f"nameConstraints=critical,{constraint}\n")
    target = root.issue(alice, SIGN + (f"subjectAltName={san}\n" if san else ""), issuer_certificate=anchor)
    case(name, target, [], [anchor], "rejected" if broken else "trusted", ["pki.path.name_constraints"] if broken else [],
         openssl=openssl, why=why)


RSA = lambda bits: ("-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}")
UNKNOWN = "1.3.6.1.4.1.55555.1=critical,ASN1:UTF8String:you must understand me\n"
EXPIRED = ("20240101000000Z", "20250101000000Z")
FUTURE = ("20280101000000Z", "20300101000000Z")

CASES = {
    "good": lambda w: simple(w, "good"),
    "good_rsa": lambda w: simple(w, "good_rsa_leaf", leaf_key=RSA(2048)),
    "expired": lambda w: simple(w, "expired", "rejected", ["pki.path.expired"], leaf_valid=EXPIRED),
    "future": lambda w: simple(w, "not_yet_valid", "rejected", ["pki.path.not_yet_valid"], leaf_valid=FUTURE),
    "anchor": lambda w: simple(w, "expired_anchor", "rejected", ["pki.path.expired"], root_valid=EXPIRED),
    "middle": lambda w: chain(w, "good_chain"),
    "middle_expired": lambda w: chain(w, "expired_issuer_is_rejected", "rejected", ["pki.path.expired"], middle_valid=EXPIRED),
    "not_ca": lambda w: chain(w, "issuer_without_ca", "rejected", ["pki.path.basic_constraints"],
                              middle="keyUsage=critical,keyCertSign\n"),
    "no_sign": lambda w: chain(w, "issuer_without_key_cert_sign", "rejected", ["pki.path.key_cert_sign"],
                               middle="basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n"),
    "length": lambda w: chain(w, "path_length_exceeded", "rejected", ["pki.path.path_length"],
                              root="basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n"),
    "ca_eku": lambda w: chain(w, "issuer_for_tls_only", "rejected", ["pki.path.extended_key_usage"],
                              middle=CA + "extendedKeyUsage=serverAuth\n"),
    "unknown_leaf": lambda w: simple(w, "unknown_critical_extension", "rejected", ["pki.path.unknown_critical_extension"],
                                     leaf=LEAF + UNKNOWN),
    "unknown_ca": lambda w: chain(w, "unknown_critical_extension_in_issuer", "rejected",
                                  ["pki.path.unknown_critical_extension"], middle=CA + UNKNOWN),
    "unknown_ok": lambda w: simple(w, "unknown_extension_that_is_not_critical",
                                   leaf=LEAF + UNKNOWN.replace("critical,", "")),
    "eku": lambda w: simple(w, "signer_for_tls_only", "rejected", ["pki.path.extended_key_usage"],
                            leaf="extendedKeyUsage=serverAuth\n" + MAIL),
    "ku": lambda w: simple(w, "signer_that_may_only_encrypt", "rejected", ["pki.path.key_usage"],
                           leaf="keyUsage=critical,keyAgreement\nextendedKeyUsage=emailProtection\n" + MAIL),
    "no_ku": lambda w: simple(w, "no_usage_extensions_is_no_limit", leaf=MAIL),
    "encrypt_rsa": lambda w: simple(w, "encrypt_to_rsa", purpose="smime-encrypt", leaf_key=RSA(2048),
                                    leaf="keyUsage=critical,keyEncipherment\nextendedKeyUsage=emailProtection\n" + MAIL),
    "encrypt_sign": lambda w: simple(w, "encrypt_to_a_signing_key", "rejected", ["pki.path.key_usage"], purpose="smime-encrypt",
                                     leaf_key=RSA(2048), leaf=LEAF),
    "encrypt_ec": lambda w: simple(w, "encrypt_to_ec", purpose="smime-encrypt",
                                   leaf="keyUsage=critical,keyAgreement\nextendedKeyUsage=emailProtection\n" + MAIL,
                                   openssl="reject", why="OpenSSL wants keyEncipherment even of EC keys"),
    "sha1": lambda w: simple(w, "sha1_signature", "rejected", ["pki.path.algorithm"], digest="sha1", openssl="accept",
                             why="OpenSSL at security level 0 and 1 accepts SHA-1"),
    "rsa1024": lambda w: simple(w, "rsa_1024_key", "rejected", ["pki.path.algorithm"], leaf_key=RSA(1024), openssl="accept",
                                why="the -x509_strict check has no lower limit for keys"),
    "policy": lambda w: simple(w, "explicit_policy_required", "rejected", ["pki.path.policy"],
                               root=CA + "policyConstraints=critical,requireExplicitPolicy:0\n", openssl="accept",
                               why="OpenSSL looks at policies only when asked with -policy_check"),
    "mapping": lambda w: simple(w, "inhibited_policy_mapping_is_harmless",
                                root=CA + "policyConstraints=critical,inhibitPolicyMapping:0\n"),
    "two_faults": lambda w: simple(w, "two_failures_are_both_told", "rejected",
                                   ["pki.path.expired", "pki.path.unknown_critical_extension"],
                                   leaf=LEAF + UNKNOWN, leaf_valid=EXPIRED),
    "rollover": rollover,
    "cross": cross,
    "forged": forged,
    "leaf_issuer": same_leaf_as_issuer,
    "nc1": lambda w: names(w, "name_constraints_permitted", "permitted;email:globex.example", "email:a@globex.example", False),
    "nc2": lambda w: names(w, "name_constraints_foreign_address", "permitted;email:globex.example",
                           "email:a@globex.example,email:ceo@acme.example", True),
    "nc3": lambda w: names(w, "name_constraints_subdomain_needs_a_dot", "permitted;email:globex.example",
                           "email:a@mail.globex.example", True),
    "nc4": lambda w: names(w, "name_constraints_dot_means_hosts_below", "permitted;email:.globex.example",
                           "email:a@mail.globex.example", False),
    "nc5": lambda w: names(w, "name_constraints_excluded_host", "excluded;DNS:acme.example",
                           "email:a@globex.example,DNS:mail.acme.example", True),
    "nc6": lambda w: names(w, "name_constraints_host_suffix_is_by_label", "permitted;DNS:globex.example",
                           "DNS:notglobex.example", True),
    "nc7": lambda w: names(w, "name_constraints_uri", "permitted;URI:globex.example",
                           "URI:https://globex.example/", False),
    "nc8": lambda w: names(w, "name_constraints_on_another_form_say_nothing", "permitted;DNS:globex.example",
                           "email:a@acme.example", False),
    "nc9": lambda w: names(w, "name_constraints_apply_to_the_address_in_the_subject", "permitted;email:globex.example", None, True,
                           subject="/O=Globex/CN=alice/emailAddress=ceo@acme.example"),
    "nc10": lambda w: names(w, "name_constraints_ip", "permitted;IP:192.0.2.0/255.255.255.0", "IP:192.0.3.1", True),
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory() as work:
            CASES[wanted](work)
            print(wanted)
