using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Tests.QueueProxy;

/// <summary>Certificates in directories, as the kubelet mounts a Secret: files that link into a directory that is itself a link, which is
/// replaced.</summary>
internal sealed class PodCertificates : IDisposable
{
    private const UnixFileMode ReadableByAll =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    private int _generation;

    public PodCertificates()
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Directory, ReadableByAll);
    }

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("certs").FullName;

    /// <summary>Mounts a certificate for <paramref name="name"/>.</summary>
    public void Mount(string name)
    {
        var (certificate, key) = Make(name);
        Mount(certificate, key);
    }

    /// <summary>Mounts a certificate with the key of another, as seen between reading the two files while they are replaced.</summary>
    public void MountMismatched(string name) => Mount(Make(name).Certificate, Make(name).Key);

    /// <summary>Removes the files, as when an optional Secret is deleted.</summary>
    public void Unmount() => File.Delete(Path.Combine(Directory, "..data"));

    private static (string Certificate, string Key) Make(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Mounts an invalid certificate.</summary>
    public void MountRubbish() => Mount("none", "none");

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    private void Mount(string certificate, string key)
    {
        var folder = $"..{++_generation}";
        System.IO.Directory.CreateDirectory(Path.Combine(Directory, folder));
        File.WriteAllText(Path.Combine(Directory, folder, "tls.crt"), certificate);
        File.WriteAllText(Path.Combine(Directory, folder, "tls.key"), key);
        var data = Path.Combine(Directory, "..data");
        File.Delete(data);
        File.CreateSymbolicLink(data, folder);
        foreach (var file in (string[])["tls.crt", "tls.key"])
        {
            if (!File.Exists(Path.Combine(Directory, file)))
                File.CreateSymbolicLink(Path.Combine(Directory, file), Path.Combine("..data", file));
        }
    }
}
