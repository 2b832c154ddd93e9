/* The strict reader against cJSON: what we accept, cJSON accepts too, and reads the same structure from it;
 * and so does our reader of checked text, which stays within any other text.
 * A sanitizer looks for the rest. */
#include <cjson/cJSON.h>
#include <math.h>

#include "metadata/json.h"
#include "tests/fuzz.h"

static void same_text(struct up_span raw, const char *theirs)
{
    size_t cap = raw.n + 1;
    uint8_t *text = malloc(cap);
    long n = up_json_unescape(raw, text, cap);
    must(n >= 0 && (size_t)n <= raw.n, "a checked string does not decode");
    must(strlen(theirs) == (size_t)n && memcmp(text, theirs, (size_t)n) == 0, "strings differ");
    free(text);
}

static void same_number(struct up_span text, double theirs)
{
    char digits[64];
    memcpy(digits, text.p, text.n);
    digits[text.n] = 0;
    double ours = strtod(digits, NULL);
    must(ours == theirs || (isinf(ours) && isinf(theirs)), "numbers differ");
    struct up_json j;
    up_json_open(&j, text);
    int64_t v = up_json_int(&j, INT64_MIN, INT64_MAX);
    up_json_close(&j);
    if (j.err == UP_OK) must((double)v == theirs, "integers differ");
}

/* An escaped NUL ends its strings, and it reads only 63 characters of a number. */
static bool beyond_cjson(struct up_span text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.n - i >= 6 && memcmp(text.p + i, "\\u0000", 6) == 0) return true;
        digits = text.p[i] != 0 && strchr("+-.0123456789Ee", text.p[i]) != NULL ? digits + 1 : 0;
        if (digits > 62) return true;
    }
    return false;
}

/* Walks both readings side by side; J has been checked as a whole before, so nothing may fail now. */
static void same_value(struct up_json *j, const cJSON *theirs)
{
    must(theirs != NULL, "cJSON has fewer values");
    struct up_span name;
    switch (theirs->type & 0xFF) {
    case cJSON_Object:
        theirs = theirs->child;
        for (must(up_json_object(j), "no object"); up_json_member(j, &name); theirs = theirs->next) {
            must(theirs != NULL, "cJSON has fewer members");
            same_text(name, theirs->string);
            same_value(j, theirs);
        }
        must(theirs == NULL, "cJSON has more members");
        break;
    case cJSON_Array:
        theirs = theirs->child;
        for (must(up_json_array(j), "no array"); up_json_item(j); theirs = theirs->next)
            same_value(j, theirs);
        must(theirs == NULL, "cJSON has more items");
        break;
    case cJSON_String:
        must(up_json_at_string(j), "no string");
        same_text(up_json_string(j), theirs->valuestring);
        break;
    case cJSON_Number:
        same_number(up_json_value(j), theirs->valuedouble);
        break;
    case cJSON_True:
    case cJSON_False:
        must(up_json_bool(j) == (cJSON_IsTrue(theirs) != 0), "words differ");
        break;
    default:
        must(up_span_is(up_json_value(j), "null"), "words differ");
        break;
    }
    must(j->err == UP_OK, "a checked text fails");
}

/* The reader of checked text on any text: what it says does not count, but it stays within. */
static void misread(struct up_span text)
{
    struct up_json j;
    struct up_span name, value;
    up_json_open_checked(&j, text);
    (void)up_json_value(&j);
    up_json_open_checked(&j, text);
    for (up_json_object(&j); up_json_member(&j, &name);) {
        must(name.p >= text.p && name.p + name.n <= text.p + text.n, "a name outside");
        value = up_json_value(&j);
        must(value.p == NULL || (value.p >= text.p && value.p + value.n <= text.p + text.n),
             "a value outside");
    }
    up_json_open_checked(&j, text);
    for (up_json_array(&j); up_json_item(&j);) (void)up_json_string(&j);
    (void)up_json_find_checked(text, "signed", &value);
}

/* What has been checked is read the same by either reader. */
static void same_twice(struct up_span text)
{
    struct up_json a, b;
    struct up_span name_a, name_b;
    up_json_open(&a, text);
    up_json_open_checked(&b, text);
    must(up_span_eq(up_json_value(&a), up_json_value(&b)), "values differ");
    up_json_close(&b);
    must(b.err == UP_OK, "a checked text has an end");
    up_json_open(&a, text);
    up_json_open_checked(&b, text);
    for (up_json_object(&a), up_json_object(&b); up_json_member(&a, &name_a);) {
        must(up_json_member(&b, &name_b) && up_span_eq(name_a, name_b), "names differ");
        must(up_span_eq(up_json_value(&a), up_json_value(&b)), "values of members differ");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct up_json j;
    struct up_span text = {data, size};
    up_json_open(&j, text);
    struct up_span whole = up_json_value(&j);
    up_json_close(&j);
    must((whole.p != NULL) || j.err != UP_OK, "accepted nothing");
    misread(text);
    if (j.err != UP_OK) return 0;
    same_twice(text);
    if (beyond_cjson(text)) return 0;

    cJSON *theirs = cJSON_ParseWithLengthOpts((const char *)data, size, NULL, false);
    must(theirs != NULL, "cJSON refuses it");
    up_json_open(&j, text);
    same_value(&j, theirs);
    up_json_close(&j);
    must(j.err == UP_OK, "not at the end");
    cJSON_Delete(theirs);
    return 0;
}
