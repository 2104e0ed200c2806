/*
 * OpenSSL's library verifying chains: the other side of differential tests and of benches.
 *
 * Reads questions from stdin and answers each on stdout, both in big-endian numbers:
 *   question: u32 flags, i64 time, u32 purpose, u32 repeat, then lists of octet strings (u32 count, each u32 length and
 *             octets): policies as text, anchors, others with the target first, revocation lists
 *   answer:   i32 error (0 is valid), i32 depth of the error, u64 nanoseconds of this thread for all turns,
 *             u32 count and the places of the chain that it built: others from 0, anchors from 1000
 * An error of -1 says that something could not be read. It is a process of its own, because its symbols and those of
 * our provider are the same, and because a crash of one must not look like one of the other.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

enum { EXPLICIT = 1, INHIBIT_MAP = 2, INHIBIT_ANY = 4, REVOCATION = 8, MAX_LIST = 100000 };

static void read_octets(void *to, size_t length)
{
    if (fread(to, 1, length, stdin) != length)
        exit(feof(stdin) ? 0 : 1);
}

static uint64_t read_number(int octets)
{
    unsigned char bytes[8];
    uint64_t number = 0;
    read_octets(bytes, (size_t)octets);
    for (int i = 0; i < octets; i++)
        number = number << 8 | bytes[i];
    return number;
}

static void write_number(uint64_t number, int octets)
{
    for (int i = octets - 1; i >= 0; i--)
        putchar((int)(number >> (8 * i) & 0xff));
}

static unsigned char *read_string(size_t *length)
{
    *length = (size_t)read_number(4);
    unsigned char *string = malloc(*length + 1);
    if (string == NULL)
        exit(1);
    read_octets(string, *length);
    string[*length] = 0;
    return string;
}

static STACK_OF(X509) *read_certificates(int *broken)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    uint32_t count = (uint32_t)read_number(4);
    for (uint32_t i = 0; i < count && i < MAX_LIST; i++) {
        size_t length;
        unsigned char *octets = read_string(&length);
        const unsigned char *at = octets;
        X509 *certificate = d2i_X509(NULL, &at, (long)length);
        if (certificate == NULL)
            *broken = 1;
        else
            sk_X509_push(list, certificate);
        free(octets);
    }
    return list;
}

static void read_policies(X509_VERIFY_PARAM *parameters)
{
    uint32_t count = (uint32_t)read_number(4);
    for (uint32_t i = 0; i < count && i < MAX_LIST; i++) {
        size_t length;
        char *text = (char *)read_string(&length);
        X509_VERIFY_PARAM_add0_policy(parameters, OBJ_txt2obj(text, 1));
        free(text);
    }
}

static STACK_OF(X509_CRL) *read_lists(int *broken)
{
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    uint32_t count = (uint32_t)read_number(4);
    for (uint32_t i = 0; i < count && i < MAX_LIST; i++) {
        size_t length;
        unsigned char *octets = read_string(&length);
        const unsigned char *at = octets;
        X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)length);
        if (list == NULL)
            *broken = 1;
        else
            sk_X509_CRL_push(lists, list);
        free(octets);
    }
    return lists;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static uint32_t place(X509 *certificate, STACK_OF(X509) *anchors, STACK_OF(X509) *others)
{
    for (int i = 0; i < sk_X509_num(anchors); i++)
        if (X509_cmp(certificate, sk_X509_value(anchors, i)) == 0)
            return (uint32_t)(1000 + i);
    for (int i = 0; i < sk_X509_num(others); i++)
        if (X509_cmp(certificate, sk_X509_value(others, i)) == 0)
            return (uint32_t)i;
    return UINT32_MAX;
}

static unsigned long flags_of(uint32_t wanted)
{
    /* Policies are checked always: RFC 5280 knows no path validation without. */
    unsigned long flags = X509_V_FLAG_POLICY_CHECK;
    if (wanted & EXPLICIT)
        flags |= X509_V_FLAG_EXPLICIT_POLICY;
    if (wanted & INHIBIT_MAP)
        flags |= X509_V_FLAG_INHIBIT_MAP;
    if (wanted & INHIBIT_ANY)
        flags |= X509_V_FLAG_INHIBIT_ANY;
    if (wanted & REVOCATION)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_EXTENDED_CRL_SUPPORT
            | X509_V_FLAG_USE_DELTAS;
    return flags;
}

static void answer(void)
{
    uint32_t wanted = (uint32_t)read_number(4);
    int64_t at = (int64_t)read_number(8);
    int purpose = (int)read_number(4);
    uint32_t repeat = (uint32_t)read_number(4);
    int broken = 0;
    X509_VERIFY_PARAM *parameters = X509_VERIFY_PARAM_new();
    X509_VERIFY_PARAM_set_time(parameters, (time_t)at);
    X509_VERIFY_PARAM_set_depth(parameters, 64);
    X509_VERIFY_PARAM_set_flags(parameters, flags_of(wanted));
    read_policies(parameters);
    STACK_OF(X509) *anchors = read_certificates(&broken);
    STACK_OF(X509) *others = read_certificates(&broken);
    X509_STORE *store = X509_STORE_new();
    for (int i = 0; i < sk_X509_num(anchors); i++)
        X509_STORE_add_cert(store, sk_X509_value(anchors, i));
    STACK_OF(X509_CRL) *lists = read_lists(&broken);
    int error = -1, depth = 0;
    uint64_t spent = 0;
    STACK_OF(X509) *chain = NULL;
    if (!broken && sk_X509_num(others) > 0) {
        uint64_t start = now();
        for (uint32_t turn = 0; turn < repeat; turn++) {
            X509_STORE_CTX *context = X509_STORE_CTX_new();
            X509_STORE_CTX_init(context, store, sk_X509_value(others, 0), others);
            /* Those of the store are looked up by the issuer of the certificate, which leaves indirect ones out. */
            X509_STORE_CTX_set0_crls(context, lists);
            if (purpose != 0)
                X509_STORE_CTX_set_purpose(context, purpose);
            X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(context), parameters);
            int is_valid = X509_verify_cert(context) == 1;
            error = X509_STORE_CTX_get_error(context);
            if (is_valid != (error == X509_V_OK))
                error = X509_V_ERR_UNSPECIFIED;
            depth = X509_STORE_CTX_get_error_depth(context);
            if (turn + 1 == repeat)
                chain = X509_STORE_CTX_get1_chain(context);
            X509_STORE_CTX_free(context);
        }
        spent = now() - start;
    }
    ERR_clear_error();
    write_number((uint32_t)error, 4);
    write_number((uint32_t)depth, 4);
    write_number(spent, 8);
    int count = chain == NULL ? 0 : sk_X509_num(chain);
    write_number((uint64_t)count, 4);
    for (int i = 0; i < count; i++)
        write_number(place(sk_X509_value(chain, i), anchors, others), 4);
    fflush(stdout);
    OSSL_STACK_OF_X509_free(chain);
    OSSL_STACK_OF_X509_free(anchors);
    OSSL_STACK_OF_X509_free(others);
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    X509_STORE_free(store);
    X509_VERIFY_PARAM_free(parameters);
}

int main(void)
{
    for (;;)
        answer();
}
