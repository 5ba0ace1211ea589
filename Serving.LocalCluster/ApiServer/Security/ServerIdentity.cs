using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>
/// The server's CA, serving certificate and the tokens of the administrator and of the cluster's components. The
/// CA and the tokens are stored in the data directory, so that an existing kubeconfig stays valid; the serving certificate
/// is issued at every start.
/// </summary>
internal sealed class ServerIdentity
{
    /// <summary>The file name prefix of the installer of the control plane.</summary>
    public const string InstallerPart = "installer";

    /// <summary>The users with a kubeconfig and a token file in the data directory, by the prefix of the file names.</summary>
    private static readonly (string Name, Caller Caller)[] Parts =
    [
        ("", Caller.Admin),
        ("node", new Caller("system:node:local", "", ["system:nodes", Caller.Authenticated])),
        ("controllers", new Caller("system:kube-controller-manager", "", [Caller.Authenticated])),
        (InstallerPart, Caller.Installer),
    ];

    private const int TokenBytes = 24;

    private readonly string _directory;
    private readonly string[] _tokens;
    private readonly SslStreamCertificateContext _certificate;

    private ServerIdentity(
        string directory,
        string authorityPem,
        string[] tokens,
        ECDsa authorityKey,
        SslStreamCertificateContext certificate
    )
    {
        _directory = directory;
        _tokens = tokens;
        KubeconfigPath = PathOf("", "kubeconfig");
        CertificateAuthorityPem = authorityPem;
        Components = [.. tokens.Zip(Parts, (token, part) => (System.Text.Encoding.UTF8.GetBytes(token), part.Caller))];
        SigningKey = authorityKey;
        _certificate = certificate;
    }

    /// <summary>The path of the kubeconfig.</summary>
    public string KubeconfigPath { get; }

    /// <summary>The CA certificate.</summary>
    public string CertificateAuthorityPem { get; }

    /// <summary>The administrator's bearer token.</summary>
    public string Token => _tokens[0];

    /// <summary>The tokens of the administrator and of the cluster's components, with their users.</summary>
    public IReadOnlyList<(byte[] Token, Caller Caller)> Components { get; }

    /// <summary>Signs service account tokens.</summary>
    public ECDsa SigningKey { get; }

    /// <summary>Loads the identity from a directory, or creates it.</summary>
    /// <exception cref="IOException">A file cannot be read, written or parsed; the message names it.</exception>
    public static ServerIdentity LoadOrCreate(string directory, IPAddress address, TimeProvider time)
    {
        var certificatePath = Path.Combine(directory, "ca.crt");
        var keyPath = Path.Combine(directory, "ca.key");
        var now = time.GetUtcNow();
        try
        {
            // The certificate is written last: without it the pair is incomplete.
            if (!File.Exists(certificatePath) || !File.Exists(keyPath))
                CreateAuthority(certificatePath, keyPath, now);
            var key = ECDsa.Create();
            key.ImportFromPem(File.ReadAllText(keyPath));
            var pem = File.ReadAllText(certificatePath);
            return new ServerIdentity(
                directory,
                pem,
                [.. Parts.Select(part => LoadOrCreateToken(directory, part.Name))],
                key,
                Issue(pem, key, address, now)
            );
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException(
                $"the identity of the API server in {directory} cannot be read or written: {exception.Message}",
                exception
            );
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new IOException(
                $"{certificatePath} and {keyPath} are not a certificate and its key ({exception.Message}): delete both to have them created again",
                exception
            );
        }
    }

    private static void CreateAuthority(string certificatePath, string keyPath, DateTimeOffset now)
    {
        using var created = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=local-cluster-ca", created, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.CrlSign, true)
        );
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using var authority = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10));
        PrivateFile.Replace(keyPath, created.ExportPkcs8PrivateKeyPem());
        PrivateFile.Replace(certificatePath, authority.ExportCertificatePem() + "\n");
    }

    /// <summary>Configures TLS of Kestrel: our certificate, no client certificates.</summary>
    public void Configure(HttpsConnectionAdapterOptions https)
    {
        https.ServerCertificate = _certificate.TargetCertificate;
        https.ClientCertificateMode = ClientCertificateMode.NoCertificate;
        https.OnAuthenticate = (_, options) => options.ServerCertificateContext = _certificate;
    }

    /// <summary>Writes the kubeconfigs of the cluster's components and of the administrator; the administrator's last, because other
    /// processes wait for it.</summary>
    public void WriteKubeconfigs(Uri server)
    {
        for (var i = Parts.Length - 1; i >= 0; i--)
            WriteKubeconfig(server, Parts[i].Name, _tokens[i]);
    }

    private void WriteKubeconfig(Uri server, string part, string token)
    {
        var (user, path) = (part.Length == 0 ? "admin" : part, PathOf(part, "kubeconfig"));
        var authority = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(CertificateAuthorityPem));
        PrivateFile.Replace(
            path,
            $"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: local
              cluster:
                server: {server.GetLeftPart(UriPartial.Authority)}
                certificate-authority-data: {authority}
            users:
            - name: {user}
              user:
                token: {token}
            contexts:
            - name: local
              context:
                cluster: local
                user: {user}
            current-context: local

            """
        );
    }

    private string PathOf(string part, string file) => PathOf(_directory, part, file);

    private static string PathOf(string directory, string part, string file) =>
        Path.Combine(directory, part.Length == 0 ? file : $"{part}.{file}");

    private static string LoadOrCreateToken(string directory, string part)
    {
        // An empty or short token is left by a crash or a full disk: it was never used, and must not be accepted.
        var path = PathOf(directory, part, "token");
        if (!File.Exists(path) || File.ReadAllText(path).Trim().Length < TokenBytes)
            PrivateFile.Replace(path, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(TokenBytes)));
        return File.ReadAllText(path).Trim();
    }

    private static SslStreamCertificateContext Issue(string authorityPem, ECDsa authorityKey, IPAddress address, DateTimeOffset now)
    {
        using var authority = X509Certificate2.CreateFromPem(authorityPem);
        using var signer = authority.CopyWithPrivateKey(authorityKey);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=kube-apiserver", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address);
        if (!address.Equals(IPAddress.Loopback))
            names.AddIpAddress(IPAddress.Loopback);
        foreach (
            var name in (string[])
                ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        )
            names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        var notAfter = now.AddYears(1) < authority.NotAfter ? now.AddYears(1) : new DateTimeOffset(authority.NotAfter);
        using var issued = request.Create(signer, now.AddHours(-1), notAfter, RandomNumberGenerator.GetBytes(12));
        using var pair = issued.CopyWithPrivateKey(key);
        var loaded = X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), null);
        return SslStreamCertificateContext.Create(loaded, null, offline: true);
    }
}
