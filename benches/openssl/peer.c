/*
 * OpenSSL's library doing what Chancery's CMS engine does: the other side of the bench and of differential fuzzing.
 *
 *   openssl-peer measure OPERATION FOLDER SIZE MILLISECONDS   prints one line of JSON
 *   openssl-peer answer AUTHORITY [KEY CERTIFICATE]...        reads messages from stdin, answers on stdout
 *
 * It is a process of its own, because its symbols and those of our provider are the same, and because a crash of one
 * must not look like one of the other. A FOLDER has key.der (PKCS #8), the certificates signer.der and recipient.der of
 * this key, and authority.der, which issued them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct person {
    EVP_PKEY *key;
    X509 *signer;
    X509 *recipient;
    X509_STORE *store;
};

static void fail(const char *what)
{
    fprintf(stderr, "openssl-peer: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static BIO *open_file(const char *path)
{
    BIO *file = BIO_new_file(path, "rb");
    if (file == NULL)
        fail(path);
    return file;
}

static X509 *read_certificate(const char *path)
{
    BIO *file = open_file(path);
    X509 *certificate = d2i_X509_bio(file, NULL);
    if (certificate == NULL)
        fail(path);
    BIO_free(file);
    return certificate;
}

static struct person load(const char *authority, const char *key, const char *signer, const char *recipient)
{
    BIO *file = open_file(key);
    struct person person = {
        .key = d2i_PrivateKey_bio(file, NULL),
        .signer = read_certificate(signer),
        .recipient = read_certificate(recipient),
        .store = X509_STORE_new(),
    };
    BIO_free(file);
    X509 *issuer = read_certificate(authority);
    if (person.key == NULL || person.store == NULL || X509_STORE_add_cert(person.store, issuer) != 1)
        fail("the key or the authority cannot be used");
    /* The bench shall not end with its certificates. */
    X509_STORE_set_flags(person.store, X509_V_FLAG_NO_CHECK_TIME);
    X509_free(issuer);
    return person;
}

static struct person load_folder(const char *folder)
{
    static const char *const names[] = {"authority.der", "key.der", "signer.der", "recipient.der"};
    char paths[4][4096];
    for (int i = 0; i < 4; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    return load(paths[0], paths[1], paths[2], paths[3]);
}

/* ---- bench ---- */

/* What an operation works on; made once. */
struct work {
    struct person person;
    char *content;
    int size;
    STACK_OF(X509) *recipients;
    BUF_MEM *sealed;
    BUF_MEM *signature;
};

static BIO *reading(const void *bytes, size_t length)
{
    BIO *bio = BIO_new_mem_buf(bytes, (int)length);
    if (bio == NULL)
        fail("out of memory");
    return bio;
}

static BIO *writing(size_t expected)
{
    BIO *bio = BIO_new(BIO_s_mem());
    BUF_MEM *memory;
    if (bio == NULL || BIO_get_mem_ptr(bio, &memory) != 1)
        fail("out of memory");
    /* Room for all of it, as we give our own side. */
    BUF_MEM_grow(memory, expected);
    memory->length = 0;
    return bio;
}

static BUF_MEM *taken(BIO *bio)
{
    BUF_MEM *memory;
    BIO_get_mem_ptr(bio, &memory);
    if (BIO_set_close(bio, BIO_NOCLOSE) != 1)
        fail("a buffer cannot be taken");
    BIO_free(bio);
    return memory;
}

/* Signs beside the content, which is digested while it streams by. */
static BUF_MEM *sign_stream(struct work *work)
{
    unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_STREAM;
    BIO *content = reading(work->content, (size_t)work->size);
    CMS_ContentInfo *cms = CMS_sign(work->person.signer, work->person.key, NULL, NULL, flags);
    if (cms == NULL || CMS_final(cms, content, NULL, flags) != 1)
        fail("CMS_sign");
    BIO *out = writing(4096);
    if (i2d_CMS_bio(out, cms) != 1)
        fail("i2d_CMS_bio");
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    return taken(out);
}

/* Encrypts while it streams by, in indefinite form: the fastest way that the library has. */
static BUF_MEM *seal_stream(struct work *work)
{
    unsigned flags = CMS_BINARY | CMS_STREAM;
    BIO *content = reading(work->content, (size_t)work->size);
    CMS_ContentInfo *cms = CMS_encrypt(work->recipients, NULL, EVP_aes_256_gcm(), flags);
    BIO *out = writing((size_t)work->size + 8192);
    if (cms == NULL || i2d_CMS_bio_stream(out, cms, content, (int)flags) != 1)
        fail("CMS_encrypt");
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    return taken(out);
}

/* Encrypts as the manual's example does: the structure in memory, then its encoding. */
static BUF_MEM *seal_whole(struct work *work)
{
    BIO *content = reading(work->content, (size_t)work->size);
    CMS_ContentInfo *cms = CMS_encrypt(work->recipients, content, EVP_aes_256_gcm(), CMS_BINARY);
    BIO *out = writing((size_t)work->size + 8192);
    if (cms == NULL || i2d_CMS_bio(out, cms) != 1)
        fail("CMS_encrypt");
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    return taken(out);
}

static void sign_encrypt(struct work *work)
{
    BUF_MEM_free(sign_stream(work));
    BUF_MEM_free(seal_stream(work));
}

static void sign_encrypt_whole(struct work *work)
{
    BUF_MEM_free(sign_stream(work));
    BUF_MEM_free(seal_whole(work));
}

static void encrypt(struct work *work)
{
    BUF_MEM_free(seal_stream(work));
}

static void check(struct work *work, const char *content, size_t length, unsigned flags)
{
    BIO *source = reading(work->signature->data, work->signature->length);
    CMS_ContentInfo *cms = d2i_CMS_bio(source, NULL);
    BIO *bytes = reading(content, length);
    if (cms == NULL || CMS_verify(cms, NULL, work->person.store, bytes, NULL, CMS_BINARY | flags) != 1)
        fail("CMS_verify");
    CMS_ContentInfo_free(cms);
    BIO_free(bytes);
    BIO_free(source);
}

static void verify(struct work *work)
{
    check(work, work->content, (size_t)work->size, CMS_NO_SIGNER_CERT_VERIFY);
}

static void decrypt_verify(struct work *work)
{
    BIO *source = reading(work->sealed->data, work->sealed->length);
    CMS_ContentInfo *cms = d2i_CMS_bio(source, NULL);
    BIO *out = writing((size_t)work->size);
    if (cms == NULL || CMS_decrypt(cms, work->person.key, work->person.recipient, NULL, out, CMS_BINARY) != 1)
        fail("CMS_decrypt");
    BUF_MEM *content = taken(out);
    if (content->length != (size_t)work->size)
        fail("the content has another length");
    check(work, content->data, content->length, CMS_NO_SIGNER_CERT_VERIFY);
    BUF_MEM_free(content);
    CMS_ContentInfo_free(cms);
    BIO_free(source);
}

/* The whole mail: multipart/signed inside of application/pkcs7-mime, both with base64. */
static BUF_MEM *protect(struct work *work)
{
    int flags = CMS_DETACHED | CMS_STREAM;
    BIO *content = reading(work->content, (size_t)work->size);
    CMS_ContentInfo *cms = CMS_sign(work->person.signer, work->person.key, NULL, content, (unsigned)flags);
    BIO *inside = writing((size_t)work->size + 8192);
    if (cms == NULL || SMIME_write_CMS(inside, cms, content, flags) != 1)
        fail("multipart/signed");
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    BUF_MEM *signed_mail = taken(inside);
    flags = CMS_BINARY | CMS_STREAM;
    content = reading(signed_mail->data, signed_mail->length);
    cms = CMS_encrypt(work->recipients, NULL, EVP_aes_256_gcm(), (unsigned)flags);
    BIO *out = writing((size_t)work->size * 3 / 2 + 8192);
    if (cms == NULL || SMIME_write_CMS(out, cms, content, flags) != 1)
        fail("application/pkcs7-mime");
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    BUF_MEM_free(signed_mail);
    return taken(out);
}

static void mail_protect(struct work *work)
{
    BUF_MEM_free(protect(work));
}

static void mail_open(struct work *work)
{
    BIO *source = reading(work->sealed->data, work->sealed->length);
    CMS_ContentInfo *cms = SMIME_read_CMS(source, NULL);
    BIO *inside = writing((size_t)work->size + 8192);
    if (cms == NULL || CMS_decrypt(cms, work->person.key, work->person.recipient, NULL, inside, CMS_BINARY) != 1)
        fail("CMS_decrypt of a mail");
    CMS_ContentInfo_free(cms);
    BIO_free(source);
    BIO *content = NULL;
    cms = SMIME_read_CMS(inside, &content);
    BIO *out = writing((size_t)work->size);
    if (cms == NULL || CMS_verify(cms, NULL, work->person.store, content, out, 0) != 1)
        fail("CMS_verify of a mail");
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    BIO_free(inside);
    BIO_free(out);
}

struct operation {
    const char *name;
    void (*run)(struct work *work);
    /* What must be there before: a sealed message, a sealed mail. */
    char needs;
    int recipients;
};

static const struct operation OPERATIONS[] = {
    {"sign-encrypt", sign_encrypt, 0, 1},
    {"sign-encrypt-whole", sign_encrypt_whole, 0, 1},
    {"decrypt-verify", decrypt_verify, 's', 1},
    {"verify", verify, 's', 1},
    {"encrypt", encrypt, 0, 1},
    {"encrypt-1000", encrypt, 0, 1000},
    {"mail-protect", mail_protect, 0, 1},
    {"mail-open", mail_open, 'm', 1},
};

/* The same text as ours: a header and lines as people write them. */
static char *text(int size)
{
    static const char header[] = "From: a@acme.example\r\nTo: b@acme.example\r\nSubject: x\r\n\r\n";
    static const char line[] = "A line of text as people write it, neither long nor short, with CRLF.\r\n";
    char *content = malloc((size_t)size + sizeof line);
    if (content == NULL)
        fail("out of memory");
    size_t at = sizeof header - 1;
    memcpy(content, header, at);
    while (at < (size_t)size) {
        memcpy(content + at, line, sizeof line - 1);
        at += sizeof line - 1;
    }
    memcpy(content + size - 2, "\r\n", 2);
    return content;
}

static int64_t processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void measure(const char *name, const char *folder, int size, int milliseconds)
{
    const struct operation *operation = NULL;
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++)
        if (strcmp(OPERATIONS[i].name, name) == 0)
            operation = &OPERATIONS[i];
    if (operation == NULL)
        fail("there is no such operation");
    struct work work = {load_folder(folder), text(size), size, sk_X509_new_null(), NULL, NULL};
    for (int i = 0; i < operation->recipients; i++)
        sk_X509_push(work.recipients, work.person.recipient);
    if (operation->needs == 's') {
        work.signature = sign_stream(&work);
        work.sealed = seal_whole(&work);
    } else if (operation->needs == 'm') {
        work.sealed = protect(&work);
    }
    operation->run(&work);
    int64_t start = processor_time(), end = start;
    int count = 0;
    while (end - start < (int64_t)milliseconds * 1000000 || count < 3) {
        operation->run(&work);
        count++;
        end = processor_time();
    }
    printf("{\"nanoseconds\": %lld, \"operations\": %d, \"version\": \"%s\"}\n", (long long)(end - start), count,
           OpenSSL_version(OPENSSL_VERSION_STRING));
}

/* ---- differential fuzzing ---- */

/*
 * A question: kind, number of the person, two lengths of four bytes (little end first), the message, and the content if it is outside.
 * The answer: 1 and the content, or 0 and why not; with a length in the same form between.
 */
enum kind { COMPRESSED = 'c', DETACHED = 'd', DIGESTED = 'h', ENVELOPED = 'e', SIGNED = 's' };

static int read_all(unsigned char *to, size_t length)
{
    return fread(to, 1, length, stdin) == length;
}

static uint32_t number(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_answer(int accepted, const char *bytes, size_t length)
{
    unsigned char head[5] = {(unsigned char)accepted, (unsigned char)length, (unsigned char)(length >> 8),
                             (unsigned char)(length >> 16), (unsigned char)(length >> 24)};
    if (fwrite(head, 1, sizeof head, stdout) != sizeof head || fwrite(bytes, 1, length, stdout) != length
        || fflush(stdout) != 0)
        exit(0);
}

static int open_message(int kind, struct person *person, const unsigned char *message, size_t length, BIO *content, BIO *out)
{
    const unsigned char *at = message;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)length);
    if (cms == NULL)
        return 0;
    unsigned flags = CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY;
    int done = 0;
    switch (kind) {
    case COMPRESSED:
        done = CMS_uncompress(cms, NULL, out, CMS_BINARY) == 1;
        break;
    case DETACHED:
        done = CMS_verify(cms, NULL, person->store, content, out, flags) == 1;
        break;
    case DIGESTED:
        done = CMS_digest_verify(cms, NULL, out, CMS_BINARY) == 1;
        break;
    case ENVELOPED:
        done = CMS_decrypt(cms, person->key, person->recipient, NULL, out, CMS_BINARY) == 1;
        break;
    case SIGNED:
        done = CMS_verify(cms, NULL, person->store, NULL, out, flags) == 1;
        break;
    default:
        break;
    }
    CMS_ContentInfo_free(cms);
    return done;
}

static void answer(const char *authority, int count, char **files)
{
    struct person *people = calloc((size_t)count, sizeof *people);
    if (people == NULL)
        fail("out of memory");
    for (int i = 0; i < count; i++)
        people[i] = load(authority, files[2 * i], files[2 * i + 1], files[2 * i + 1]);
    unsigned char head[10];
    while (read_all(head, sizeof head)) {
        size_t length = number(head + 2), content_length = number(head + 6);
        unsigned char *message = malloc(length + content_length + 1);
        if (head[1] >= count || message == NULL || !read_all(message, length + content_length))
            fail("a question cannot be read");
        ERR_clear_error();
        BIO *content = reading(message + length, content_length);
        BIO *out = BIO_new(BIO_s_mem());
        if (open_message(head[0], people + head[1], message, length, content, out)) {
            char *bytes;
            long written = BIO_get_mem_data(out, &bytes);
            write_answer(1, bytes, (size_t)written);
        } else {
            char why[512];
            unsigned long error = ERR_peek_error();
            const char *library = ERR_lib_error_string(error), *reason = ERR_reason_error_string(error);
            snprintf(why, sizeof why, "%s: %s", library ? library : "?", reason ? reason : "?");
            write_answer(0, why, strlen(why));
        }
        BIO_free(out);
        BIO_free(content);
        free(message);
    }
}

int main(int count, char **arguments)
{
    if (count == 6 && strcmp(arguments[1], "measure") == 0)
        measure(arguments[2], arguments[3], atoi(arguments[4]), atoi(arguments[5]));
    else if (count > 4 && count % 2 == 1 && strcmp(arguments[1], "answer") == 0)
        answer(arguments[2], (count - 3) / 2, arguments + 3);
    else
        fail("measure OPERATION FOLDER SIZE MILLISECONDS, or answer AUTHORITY KEY CERTIFICATE");
    return 0;
}
