// S/MIME by Bouncy Castle, as Java programs use it: one command on a line of standard input, one answer for each.
//
//   sign IN OUT SIGNER DIGEST PSS OPAQUE      verify IN OUT
//   encrypt IN OUT CIPHER OAEP KEYID READER…  decrypt IN OUT READER
//   compress IN OUT                           keystore FILE PASSPHRASE
//
// The answer is "ok", or "no" and why. Keys are NAME.key (PKCS#8 in PEM) and NAME.pem beside the authority's ca.pem.

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.mail.Session;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMessage;
import javax.mail.internet.MimeMultipart;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSAuthEnvelopedData;
import org.bouncycastle.cms.CMSAuthEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.KeyTransRecipientInformation;
import org.bouncycastle.cms.RecipientInfoGenerator;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JceKeyTransAuthEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.ZlibCompressor;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.mail.smime.SMIMECompressedGenerator;
import org.bouncycastle.mail.smime.SMIMEEnveloped;
import org.bouncycastle.mail.smime.SMIMEEnvelopedGenerator;
import org.bouncycastle.mail.smime.SMIMESigned;
import org.bouncycastle.mail.smime.SMIMESignedGenerator;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.OutputEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;

public final class BouncyCastle {
    private static final Map<String, String> DIGESTS =
        Map.of("sha1", "SHA1", "md5", "MD5", "sha256", "SHA256", "sha384", "SHA384", "sha512", "SHA512", "sha3-256", "SHA3-256");
    private static final Map<String, ASN1ObjectIdentifier> CIPHERS = Map.of(
        "own", CMSAlgorithm.AES256_CBC, "aes-128-cbc", CMSAlgorithm.AES128_CBC, "aes-192-cbc", CMSAlgorithm.AES192_CBC,
        "aes-256-cbc", CMSAlgorithm.AES256_CBC, "aes-128-gcm", CMSAlgorithm.AES128_GCM, "aes-256-gcm", CMSAlgorithm.AES256_GCM,
        "des3", CMSAlgorithm.DES_EDE3_CBC, "rc2-128", CMSAlgorithm.RC2_CBC,
        "chacha20-poly1305", PKCSObjectIdentifiers.id_alg_AEADChaCha20Poly1305);

    private static Path keys;

    public static void main(String[] words) throws Exception {
        keys = Path.of(words[0]);
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String answer = "ok";
            try {
                run(line.split(" "));
            } catch (Exception | LinkageError error) {
                answer = "no " + error;
            }
            System.out.println(answer.replaceAll("\\s+", " "));
        }
    }

    private static void run(String[] words) throws Exception {
        if (words[0].equals("keystore")) {
            keystore(Path.of(words[1]), words[2].toCharArray());
            return;
        }
        byte[] in = Files.readAllBytes(Path.of(words[1]));
        byte[] made = switch (words[0]) {
            case "sign" -> sign(in, words[3], words[4], words[5].equals("true"), words[6].equals("true"));
            case "encrypt" -> encrypt(in, words[3], words[4], words[5].equals("true"), Arrays.asList(words).subList(6, words.length));
            case "compress" -> written(new SMIMECompressedGenerator().generate(part(in), new ZlibCompressor()));
            case "verify" -> verify(in);
            case "decrypt" -> decrypt(in, words[3]);
            default -> throw new IllegalArgumentException(words[0]);
        };
        Files.write(Path.of(words[2]), made);
    }

    private static byte[] sign(byte[] in, String signer, String digest, boolean pss, boolean opaque) throws Exception {
        X509Certificate certificate = certificate(signer);
        String kind = certificate.getPublicKey().getAlgorithm();
        String algorithm = switch (kind) {
            case "RSA", "RSASSA-PSS" -> DIGESTS.get(digest) + "with" + (pss ? "RSAandMGF1" : "RSA");
            case "EC", "ECDSA" -> DIGESTS.get(digest) + "withECDSA";
            default -> kind;
        };
        SMIMESignedGenerator generator = new SMIMESignedGenerator();
        generator.addSignerInfoGenerator(
            new JcaSimpleSignerInfoGeneratorBuilder().setProvider("BC").build(algorithm, key(signer, certificate), certificate));
        generator.addCertificates(new JcaCertStore(List.of(certificate)));
        if (opaque) {
            return written(generator.generateEncapsulated(part(in)));
        }
        MimeMessage message = new MimeMessage((Session) null);
        MimeMultipart made = generator.generate(part(in));
        message.setContent(made, made.getContentType());
        message.saveChanges();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        message.writeTo(out);
        return out.toByteArray();
    }

    private static byte[] verify(byte[] in) throws Exception {
        MimeMessage message = message(in);
        SMIMESigned signed =
            message.isMimeType("multipart/signed") ? new SMIMESigned((MimeMultipart) message.getContent()) : new SMIMESigned(message);
        Collection<SignerInformation> signers = signed.getSignerInfos().getSigners();
        if (signers.isEmpty()) {
            throw new SecurityException("nobody signed");
        }
        for (SignerInformation signer : signers) {
            @SuppressWarnings("unchecked")
            Collection<X509CertificateHolder> found = signed.getCertificates().getMatches(signer.getSID());
            X509Certificate certificate = read(found.iterator().next().getEncoded());
            certificate.verify(certificate("ca").getPublicKey());
            if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate))) {
                throw new SecurityException("the signature does not fit");
            }
        }
        return written(signed.getContent());
    }

    private static byte[] encrypt(byte[] in, String cipher, String oaep, boolean byKeyIdentifier, List<String> readers) throws Exception {
        OutputEncryptor encryptor = new JceCMSContentEncryptorBuilder(CIPHERS.get(cipher)).setProvider("BC").build();
        if (encryptor instanceof OutputAEADEncryptor authenticated) {
            CMSAuthEnvelopedDataGenerator generator = new CMSAuthEnvelopedDataGenerator();
            for (String reader : readers) {
                generator.addRecipientInfoGenerator(recipient(reader, oaep, byKeyIdentifier));
            }
            byte[] made = generator.generate(new CMSProcessableByteArray(in), authenticated).getEncoded();
            String head = "Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data; name=smime.p7m\r\n"
                + "Content-Transfer-Encoding: base64\r\n\r\n";
            return (head + Base64.getMimeEncoder().encodeToString(made) + "\r\n").getBytes(StandardCharsets.US_ASCII);
        }
        if (cipher.equals("chacha20-poly1305")) {
            throw new UnsupportedOperationException("it would be enveloped-data, and RFC 8103 wants authEnveloped-data");
        }
        SMIMEEnvelopedGenerator generator = new SMIMEEnvelopedGenerator();
        for (String reader : readers) {
            generator.addRecipientInfoGenerator(recipient(reader, oaep, byKeyIdentifier));
        }
        return written(generator.generate(part(in), encryptor));
    }

    private static RecipientInfoGenerator recipient(String name, String oaep, boolean byKeyIdentifier) throws Exception {
        X509Certificate certificate = certificate(name);
        if (certificate.getPublicKey().getAlgorithm().equals("RSA")) {
            if (!oaep.equals("none")) {
                String digest = oaep.replace("sha", "SHA-");
                OAEPParameterSpec parameters = new OAEPParameterSpec(digest, "MGF1", new MGF1ParameterSpec(digest), PSource.PSpecified.DEFAULT);
                AlgorithmIdentifier algorithm =
                    new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(PKCSObjectIdentifiers.id_RSAES_OAEP, parameters);
                return new JceKeyTransRecipientInfoGenerator(certificate, algorithm).setProvider("BC");
            }
            if (byKeyIdentifier) {
                byte[] identifier = new JcaX509ExtensionUtils().createSubjectKeyIdentifier(certificate.getPublicKey()).getKeyIdentifier();
                return new JceKeyTransRecipientInfoGenerator(identifier, certificate.getPublicKey()).setProvider("BC");
            }
            return new JceKeyTransRecipientInfoGenerator(certificate).setProvider("BC");
        }
        KeyPairGenerator ephemeral = KeyPairGenerator.getInstance(certificate.getPublicKey().getAlgorithm(), "BC");
        if (certificate.getPublicKey() instanceof ECPublicKey curve) {
            ephemeral.initialize(curve.getParams());
        }
        KeyPair pair = ephemeral.generateKeyPair();
        JceKeyAgreeRecipientInfoGenerator generator = new JceKeyAgreeRecipientInfoGenerator(
            CMSAlgorithm.ECDH_SHA256KDF, pair.getPrivate(), pair.getPublic(), CMSAlgorithm.AES256_WRAP);
        generator.setProvider("BC");
        if (byKeyIdentifier) {
            byte[] identifier = new JcaX509ExtensionUtils().createSubjectKeyIdentifier(certificate.getPublicKey()).getKeyIdentifier();
            return generator.addRecipient(identifier, certificate.getPublicKey());
        }
        return generator.addRecipient(certificate);
    }

    private static byte[] decrypt(byte[] in, String reader) throws Exception {
        MimeMessage message = message(in);
        PrivateKey key = key(reader, certificate(reader));
        boolean authenticated = message.getContentType().contains("authEnveloped");
        Collection<RecipientInformation> recipients = authenticated
            ? new CMSAuthEnvelopedData(message.getInputStream()).getRecipientInfos().getRecipients()
            : new SMIMEEnveloped(message).getRecipientInfos().getRecipients();
        Exception last = new SecurityException("nobody is addressed");
        for (RecipientInformation recipient : recipients) {
            try {
                if (recipient instanceof KeyTransRecipientInformation) {
                    return recipient.getContent(authenticated
                        ? new JceKeyTransAuthEnvelopedRecipient(key).setProvider("BC")
                        : new JceKeyTransEnvelopedRecipient(key).setProvider("BC"));
                }
                return recipient.getContent(new JceKeyAgreeEnvelopedRecipient(key).setProvider("BC"));
            } catch (Exception error) {
                last = error;
            }
        }
        throw last;
    }

    /** Reads a PKCS#12 file with Java's own provider, which keytool and mail programs in Java use. */
    private static void keystore(Path file, char[] passphrase) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12", "SunJSSE");
        try (InputStream bytes = Files.newInputStream(file)) {
            store.load(bytes, passphrase);
        }
        for (String alias : Collections.list(store.aliases())) {
            if (store.isKeyEntry(alias) && store.getKey(alias, passphrase) != null && store.getCertificateChain(alias).length > 0) {
                return;
            }
        }
        throw new SecurityException("there is no key with a certificate in it");
    }

    private static X509Certificate certificate(String name) throws Exception {
        return read(Files.readAllBytes(keys.resolve(name + ".pem")));
    }

    private static X509Certificate read(byte[] bytes) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509", "BC").generateCertificate(new java.io.ByteArrayInputStream(bytes));
    }

    private static PrivateKey key(String name, X509Certificate certificate) throws Exception {
        String text = Files.readString(keys.resolve(name + ".key")).replaceAll("-----.*-----", "");
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(text));
        return KeyFactory.getInstance(certificate.getPublicKey().getAlgorithm(), "BC").generatePrivate(spec);
    }

    private static MimeBodyPart part(byte[] bytes) throws Exception {
        return new MimeBodyPart(new java.io.ByteArrayInputStream(bytes));
    }

    private static MimeMessage message(byte[] bytes) throws Exception {
        return new MimeMessage(null, new java.io.ByteArrayInputStream(bytes));
    }

    private static byte[] written(MimeBodyPart part) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        part.writeTo(out);
        return out.toByteArray();
    }
}
