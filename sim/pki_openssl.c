#include "sim/pki.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define DAY_S      INT64_C(86400)
#define VALID_DAYS 3650

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

static void drop(struct identity *i)
{
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
    *i = (struct identity){0};
}

/* PEM files */

static bool write_pem(const char *folder, const char *name, const char *suffix, const struct identity *i,
                      char why[SIM_WHY_MAX])
{
    char path[SIM_PATH_MAX], *text;
    bool secret = strcmp(suffix, "key") == 0;
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && (secret ? PEM_write_bio_PKCS8PrivateKey(bio, i->key, NULL, NULL, 0, NULL, NULL)
                                     : PEM_write_bio_X509(bio, i->certificate)) == 1;
    if (ok) {
        long n = BIO_get_mem_data(bio, &text);
        ok = sim_path(path, "%s/%s.%s", folder, name, suffix) &&
             sim_file_write(path, (struct up_span){(const uint8_t *)text, (size_t)n}, secret ? 0600 : 0644);
    }
    BIO_free(bio);
    return ok || sim_say(why, "%s/%s.%s: cannot write it", folder, name, suffix);
}

static bool save(const char *folder, const char *name, const struct identity *i, char why[SIM_WHY_MAX])
{
    return write_pem(folder, name, "key", i, why) && write_pem(folder, name, "pem", i, why);
}

static bool load(const char *folder, const char *name, struct identity *out, char why[SIM_WHY_MAX])
{
    char path[SIM_PATH_MAX];
    struct identity i = {0};
    FILE *f = sim_path(path, "%s/%s.pem", folder, name) ? fopen(path, "re") : NULL;
    if (f != NULL) {
        i.certificate = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
    }
    f = i.certificate != NULL && sim_path(path, "%s/%s.key", folder, name) ? fopen(path, "re") : NULL;
    if (f != NULL) {
        i.key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
        fclose(f);
    }
    if (i.key != NULL) {
        *out = i;
        return true;
    }
    drop(&i);
    return sim_say(why, "%s: cannot read it", path);
}

/* Certificates */

struct extension {
    int nid;
    const char *value;
};
#define EXTENSIONS_MAX 5

static const struct extension ca_extensions[EXTENSIONS_MAX] = {
    {NID_basic_constraints, "critical,CA:TRUE"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"}};
static const struct extension device_extensions[EXTENSIONS_MAX] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "clientAuth"},
    {NID_authority_key_identifier, "keyid"}};

static bool set_serial(X509 *x)
{
    unsigned char bytes[8];
    if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
    bytes[0] &= 0x7F; /* positive */
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_extensions(X509 *x, X509 *issuer, const struct extension *list)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    for (size_t i = 0; i < EXTENSIONS_MAX && list[i].value != NULL; i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, list[i].nid, list[i].value);
        bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
        X509_EXTENSION_free(e);
        if (!ok) return false;
    }
    return true;
}

/* A new key and its certificate; CA NULL: signed by itself. */
static bool make(const char *common_name, const struct identity *ca, const struct extension *extensions,
                 int64_t now_s, struct identity *out)
{
    struct identity i = {X509_new(), EVP_EC_gen("P-256")};
    X509 *x = i.certificate;
    if (ca == NULL) ca = &i;
    X509_NAME *name = x != NULL ? X509_get_subject_name(x) : NULL;
    bool ok = x != NULL && i.key != NULL && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
              ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(now_s - DAY_S)) != NULL &&
              ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(now_s + VALID_DAYS * DAY_S)) != NULL &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1,
                                         -1, 0) == 1 &&
              X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)) == 1 &&
              X509_set_pubkey(x, i.key) == 1 && set_extensions(x, ca->certificate, extensions) &&
              X509_sign(x, ca->key, EVP_sha256()) > 0;
    if (ok)
        *out = i;
    else
        drop(&i);
    return ok;
}

/* "DNS:localhost,IP:127.0.0.1" and HOSTS. */
static bool server_names(const char *hosts, char out[SIM_PATH_MAX])
{
    char list[SIM_PATH_MAX], *rest = NULL;
    struct in_addr address;
    if (!sim_path(out, "DNS:localhost,IP:127.0.0.1") || !sim_path(list, "%s", hosts != NULL ? hosts : ""))
        return false;
    for (char *h = strtok_r(list, ",", &rest); h != NULL; h = strtok_r(NULL, ",", &rest)) {
        char longer[SIM_PATH_MAX];
        bool ip = inet_pton(AF_INET, h, &address) == 1;
        if (!sim_path(longer, "%s,%s:%s", out, ip ? "IP" : "DNS", h)) return false;
        memcpy(out, longer, sizeof longer);
    }
    return true;
}

static bool make_server(const char *folder, const char *hosts, const struct identity *ca, int64_t now_s,
                        char why[SIM_WHY_MAX])
{
    char names[SIM_PATH_MAX];
    struct identity server = {0};
    if (!server_names(hosts, names)) return sim_say(why, "%s: too many host names", hosts);
    const struct extension extensions[EXTENSIONS_MAX] = {{NID_basic_constraints, "critical,CA:FALSE"},
                                                         {NID_key_usage, "critical,digitalSignature"},
                                                         {NID_ext_key_usage, "serverAuth"},
                                                         {NID_authority_key_identifier, "keyid"},
                                                         {NID_subject_alt_name, names}};
    bool ok = make("isoctane simulated backend", ca, extensions, now_s, &server) ||
              sim_say(why, "%s: no server certificate for %s", folder, names);
    ok = ok && save(folder, "server", &server, why);
    drop(&server);
    return ok;
}

bool sim_pki_create(const char *folder, const char *hosts, int64_t now_s, char why[SIM_WHY_MAX])
{
    char path[SIM_PATH_MAX];
    struct identity ca = {0};
    if (!sim_path(path, "%s/ca.pem", folder)) return sim_say(why, "%s: path too long", folder);
    bool ok;
    if (sim_file_exists(path))
        ok = load(folder, "ca", &ca, why);
    else
        ok = (make("isoctane simulated authority", NULL, ca_extensions, now_s, &ca) ||
              sim_say(why, "%s: no authority", folder)) &&
             save(folder, "ca", &ca, why);
    if (ok && (!sim_path(path, "%s/server.pem", folder) || !sim_file_exists(path)))
        ok = make_server(folder, hosts, &ca, now_s, why);
    drop(&ca);
    return ok;
}

bool sim_pki_issue(const char *folder, const char *vehicle, int64_t now_s, char why[SIM_WHY_MAX])
{
    struct identity ca = {0}, device = {0};
    bool ok = load(folder, "ca", &ca, why) &&
              (make(vehicle, &ca, device_extensions, now_s, &device) ||
               sim_say(why, "%s: no device certificate for %s", folder, vehicle)) &&
              save(folder, vehicle, &device, why);
    drop(&device);
    drop(&ca);
    return ok;
}
