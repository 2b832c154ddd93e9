# Run by tests/interop_tuf.sh: authors repositories, serves them and runs the client. Usage: interop_tuf.py FOLDER PROGRAM
import datetime
import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

from securesystemslib import formats, keys

folder, program = sys.argv[1:]
ROLES = ["root", "timestamp", "snapshot", "targets"]
MAKE = {
    "rsa": functools.partial(keys.generate_rsa_key, 2048),
    "ecdsa": keys.generate_ecdsa_key,
    "ed25519": keys.generate_ed25519_key,
}


def in_days(n):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=n)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def public(key):
    out = {name: key[name] for name in ("keytype", "scheme", "keyid_hash_algorithms")}
    return dict(out, keyval={"public": key["keyval"]["public"]})


class Repository:
    def __init__(self, kind, sort, indent):
        self.dump = {"sort_keys": sort, "indent": indent}
        self.key = {role: MAKE[kind]() for role in ROLES + ["made by/ role é"]}
        self.path = os.path.join(folder, "repo")
        for name in ("repo", "m", "t"):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        os.makedirs(os.path.join(self.path, "metadata"))
        os.makedirs(os.path.join(self.path, "targets", "dir"))

    def write(self, name, role, body):
        signature = keys.create_signature(self.key[role], formats.encode_canonical(body).encode())
        nobody = {"keyid": "ab" * 32, "sig": ""}
        self.put("metadata/" + name, json.dumps({"signed": body, "signatures": [nobody, signature]}, **self.dump))

    def put(self, path, text):
        with open(os.path.join(self.path, path), "w", encoding="utf-8") as f:
            f.write(text)

    def head(self, kind, version, days=30):
        return {"version": version, "_type": kind, "spec_version": "1.0.31", "expires": in_days(days), "x-é": {"b": "\"\\\n", "a": [1, True, None]}}

    def root(self, version, days=30):
        ring = {role: {"threshold": 1, "keyids": [self.key[role]["keyid"]], "x": 1} for role in ROLES}
        body = self.head("root", version, days)
        body.update(roles=ring, consistent_snapshot=True, keys={self.key[r]["keyid"]: public(self.key[r]) for r in ROLES})
        self.write("%d.root.json" % version, "root", body)

    def publish(self, version, content):
        role = "made by/ role é"
        digest = hashlib.sha256(content.encode()).hexdigest()
        self.put("targets/dir/%s.file.txt" % digest, content)
        body = self.head("targets", version)
        others = [i * 7 % 300 for i in range(300)]  # in no order, as out of a hash table
        body["targets"] = {"dir/%03d" % i: {"length": i, "hashes": {"sha256": "ab" * 32}} for i in others}
        body["targets"]["dir/file.txt"] = {"length": len(content), "hashes": {"sha256": digest, "md5": "00"}, "custom": {"version": 3}}
        self.write("%d.made%%20by%%2F%%20role%%20%%C3%%A9.json" % version, role, body)
        body = self.head("targets", version)
        body["targets"] = {}
        body["delegations"] = {
            "roles": [{"name": role, "terminating": True, "threshold": 1, "paths": ["dir/*.txt"], "keyids": [self.key[role]["keyid"]]}],
            "keys": {self.key[role]["keyid"]: public(self.key[role])},
        }
        self.write("%d.targets.json" % version, "targets", body)
        body = self.head("snapshot", version)
        body["meta"] = {"targets.json": {"version": version}, role + ".json": {"version": version}}
        self.write("%d.snapshot.json" % version, "snapshot", body)
        body = self.head("timestamp", version, 7)
        body["meta"] = {"snapshot.json": {"version": version}}
        self.write("timestamp.json", "timestamp", body)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:  # names are looked up as they came, not decoded
            with open(folder + "/repo" + self.path, "rb") as f:
                data = f.read()
        except OSError:
            self.send_error(404, "not here")
            return
        self.send_response(200)
        self.send_header("Content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d/" % server.server_address[1]


def client(want, *arguments, faketime=None):
    command = ["faketime", faketime] if faketime else []
    command += [program, "--metadata-dir", folder + "/m", *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode != want:
        sys.exit("%s: exit status %d: %s" % (arguments, run.returncode, run.stdout.decode()))


def refresh(want, **more):
    client(want, "--metadata-url", url + "metadata/", "refresh", **more)


def download(want, **more):
    client(want, "--metadata-url", url + "metadata", "--target-name", "dir/file.txt", "--target-base-url", url + "targets",
           "--target-dir", folder + "/t", "download", **more)


def expect(path, text):
    with open(os.path.join(folder, path), encoding="utf-8") as f:
        if f.read() != text:
            sys.exit(path + ": not " + repr(text))


for kind, sort, indent in (("rsa", True, 1), ("ecdsa", False, None), ("ed25519", False, "\t")):
    repo = Repository(kind, sort, indent)
    repo.root(1)
    repo.publish(1, "first")
    client(0, "init", repo.path + "/metadata/1.root.json")
    refresh(0)
    download(0)
    expect("t/dir%2Ffile.txt", "first")
    with open(repo.path + "/metadata/1.targets.json", encoding="utf-8") as f:
        expect("m/targets.json", f.read())

    repo.publish(2, "second")
    repo.root(2)
    download(0)
    expect("t/dir%2Ffile.txt", "second")
    tomorrow = in_days(1).replace("T", " ").replace("Z", "+00:00")
    refresh(0, faketime=tomorrow)
    refresh(1, faketime=in_days(8).replace("T", " ").replace("Z", "+00:00"))

    repo.publish(3, "third")
    path = repo.path + "/metadata/3.snapshot.json"
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace('"1.0.31"', '"1.0.30"'))
    refresh(1)
    repo.publish(4, "fourth")
    repo.root(3, days=-1)
    refresh(1)
    repo.root(4)
    download(0)
    expect("t/dir%2Ffile.txt", "fourth")
    print(kind + ": followed, and refused where it must be")
