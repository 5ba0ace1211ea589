using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>
/// The server's certificate authority, serving certificate and administrator token. The authority and the token are kept in the data
/// directory, so that a kubeconfig handed out once stays good; the serving certificate is made anew at every start.
/// </summary>
internal sealed class ServerIdentity
{
    private readonly SslStreamCertificateContext _certificate;

    private ServerIdentity(string directory, string authorityPem, string token, ECDsa authorityKey, SslStreamCertificateContext certificate)
    {
        KubeconfigPath = Path.Combine(directory, "kubeconfig");
        CertificateAuthorityPem = authorityPem;
        Token = token;
        SigningKey = authorityKey;
        _certificate = certificate;
    }

    /// <summary>Where the kubeconfig is written.</summary>
    public string KubeconfigPath { get; }

    /// <summary>The authority's certificate.</summary>
    public string CertificateAuthorityPem { get; }

    /// <summary>The administrator's bearer token.</summary>
    public string Token { get; }

    /// <summary>Signs service account tokens.</summary>
    public ECDsa SigningKey { get; }

    /// <summary>Reads the identity in a directory, or makes it.</summary>
    public static ServerIdentity LoadOrCreate(string directory, IPAddress address, TimeProvider time)
    {
        var certificatePath = Path.Combine(directory, "ca.crt");
        var keyPath = Path.Combine(directory, "ca.key");
        var tokenPath = Path.Combine(directory, "token");
        var now = time.GetUtcNow();
        if (!File.Exists(certificatePath) || !File.Exists(keyPath))
        {
            using var created = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=local-cluster-ca", created, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.CrlSign, true));
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
            using var authority = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10));
            WritePrivate(keyPath, created.ExportPkcs8PrivateKeyPem());
            File.WriteAllText(certificatePath, authority.ExportCertificatePem() + "\n");
        }

        if (!File.Exists(tokenPath))
            WritePrivate(tokenPath, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24)));

        var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(keyPath));
        var pem = File.ReadAllText(certificatePath);
        return new ServerIdentity(directory, pem, File.ReadAllText(tokenPath).Trim(), key, Issue(pem, key, address, now));
    }

    /// <summary>Sets up Kestrel's TLS: our certificate, and client certificates asked for by nobody.</summary>
    public void Configure(HttpsConnectionAdapterOptions https)
    {
        https.ServerCertificate = _certificate.TargetCertificate;
        https.ClientCertificateMode = ClientCertificateMode.NoCertificate;
        https.OnAuthenticate = (_, options) => options.ServerCertificateContext = _certificate;
    }

    /// <summary>Writes the kubeconfig of the administrator.</summary>
    public void WriteKubeconfig(Uri server)
    {
        var authority = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(CertificateAuthorityPem));
        WritePrivate(KubeconfigPath, $"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: local
              cluster:
                server: {server.GetLeftPart(UriPartial.Authority)}
                certificate-authority-data: {authority}
            users:
            - name: admin
              user:
                token: {Token}
            contexts:
            - name: local
              context:
                cluster: local
                user: admin
            current-context: local

            """);
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
        foreach (var name in (string[])["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"])
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

    private static void WritePrivate(string path, string text)
    {
        var partial = path + ".new";
        File.Delete(partial);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var stream = new FileStream(partial, options))
        using (var writer = new StreamWriter(stream))
            writer.Write(text);
        File.Move(partial, path, overwrite: true);
    }
}
