/* The least that a poll without news can cost with our libraries: libcurl, four requests on one connection
 * (TLS 1.3, client certificate), one ECDSA signature by OpenSSL, one durable commit of SQLite. It verifies
 * nothing and asks no Secondary.
 *
 * Usage: bench_floor URL PKI VEHICLE KEY MANIFEST ROOT DATABASE
 *   URL       of the servers, without a final slash; PKI: folder with ca.pem, VEHICLE.pem, VEHICLE.key
 *   KEY       PEM, P-256; MANIFEST: file to put; ROOT: number of the next Director Root, which is not there
 *   DATABASE  is made when it is not there */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    size_t n;
    char bytes[65536];
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_floor: %s\n", what);
    exit(1);
}

static void read_file(const char *path, struct text *out)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail(path);
    out->n = fread(out->bytes, 1, sizeof out->bytes - 1, f); /* a string, too */
    fclose(f);
}

static void sign(const char *key_path, const struct text *message)
{
    FILE *f = fopen(key_path, "r");
    EVP_PKEY *key = f == NULL ? NULL : PEM_read_PrivateKey(f, NULL, NULL, NULL);
    if (key == NULL) fail(key_path);
    fclose(f);
    unsigned char signature[128];
    size_t n = sizeof signature;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(c, signature, &n, (const unsigned char *)message->bytes, message->n) != 1)
        fail("cannot sign");
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
}

static void commit(const char *path)
{
    sqlite3 *db;
    static const char sql[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                              "CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value BLOB);"
                              "BEGIN IMMEDIATE; REPLACE INTO kv VALUES ('poll', randomblob(64)); COMMIT;";
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(path);
    sqlite3_close(db);
}

static size_t take(char *p, size_t one, size_t n, void *ctx)
{
    struct text *t = ctx;
    if (n * one > sizeof t->bytes - t->n) return 0;
    memcpy(t->bytes + t->n, p, n * one);
    t->n += n * one;
    return n * one;
}

static CURL *client(const char *pki, const char *vehicle)
{
    char path[4096];
    CURL *c = curl_easy_init();
    if (c == NULL) fail("libcurl");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3);
    snprintf(path, sizeof path, "%s/ca.pem", pki);
    curl_easy_setopt(c, CURLOPT_CAINFO, path);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    snprintf(path, sizeof path, "%s/%s.pem", pki, vehicle);
    curl_easy_setopt(c, CURLOPT_SSLCERT, path);
    snprintf(path, sizeof path, "%s/%s.key", pki, vehicle);
    curl_easy_setopt(c, CURLOPT_SSLKEY, path);
    return c;
}

static void request(CURL *c, const char *method, const char *base, const char *path, const char *body)
{
    static struct text answer;
    char url[4096];
    answer.n = 0;
    snprintf(url, sizeof url, "%s%s", base, path);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
    if (body != NULL)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    else
        curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    CURLcode rc = curl_easy_perform(c);
    if (rc != CURLE_OK) fail(curl_easy_strerror(rc));
}

int main(int argc, char **argv)
{
    static struct text manifest;
    char next_root[64];
    if (argc != 8) fail("usage: bench_floor URL PKI VEHICLE KEY MANIFEST ROOT DATABASE");
    read_file(argv[5], &manifest);
    snprintf(next_root, sizeof next_root, "/director/%s.root.json", argv[6]);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *c = client(argv[2], argv[3]);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    request(c, "POST", argv[1], "/time", "{\"nonces\":[\"00112233445566778899aabbccddeeff\"]}");
    sign(argv[4], &manifest);
    request(c, "PUT", argv[1], "/director/manifest", manifest.bytes);
    request(c, "GET", argv[1], next_root, NULL);
    request(c, "GET", argv[1], "/director/timestamp.json", NULL);
    commit(argv[7]);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    curl_global_cleanup();
    return 0;
}
