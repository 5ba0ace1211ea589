using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes;

/// <summary>Where the API server is and who we are to it.</summary>
public sealed record KubernetesConfiguration
{
    private const string ServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>The address of the API server.</summary>
    public required Uri Server { get; init; }

    /// <summary>The authorities that may sign the server's certificate; the machine's own when null.</summary>
    public X509Certificate2Collection? Authorities { get; init; }

    /// <summary>Whether any certificate of the server is taken.</summary>
    public bool SkipTlsVerify { get; init; }

    /// <summary>The name the server's certificate must have; its address' host when null.</summary>
    public string? TlsServerName { get; init; }

    /// <summary>Who we are.</summary>
    public ICredentialSource? Credential { get; init; }

    /// <summary>Whom we act as; null for ourselves.</summary>
    public Impersonation? Impersonation { get; init; }

    /// <summary>The namespace for objects that name none.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>The proxy to go through; none when null.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>
    /// Finds the configuration as kubectl does: the file named, else <c>KUBECONFIG</c>, else the pod's service account, else <c>~/.kube/config</c>.
    /// Throws <see cref="KubernetesConfigurationException"/>.
    /// </summary>
    public static KubernetesConfiguration Load(string? file = null, string? context = null, TimeProvider? time = null)
    {
        file = string.IsNullOrEmpty(file) ? Environment.GetEnvironmentVariable("KUBECONFIG") : file;
        if (!string.IsNullOrEmpty(file))
        {
            return FromKubeconfig(file, context, time);
        }

        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST")))
        {
            return InCluster(time: time);
        }

        var home = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".kube", "config");
        return File.Exists(home)
            ? FromKubeconfig(home, context, time)
            : throw new KubernetesConfigurationException(home, "", "no such file, and neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set");
    }

    /// <summary>Reads a kubeconfig; several files are separated by <c>:</c> and the first to define a name wins. Throws <see cref="KubernetesConfigurationException"/>.</summary>
    /// <param name="file">The file or files.</param>
    /// <param name="context">The context to use; the file's current one when null.</param>
    /// <param name="time">The clock by which credentials expire.</param>
    public static KubernetesConfiguration FromKubeconfig(string file, string? context = null, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        return new Kubeconfig(file).Resolve(context, time ?? TimeProvider.System);
    }

    /// <summary>The configuration that Kubernetes gives every pod. Throws <see cref="KubernetesConfigurationException"/>.</summary>
    /// <param name="folder">Where the service account is mounted.</param>
    /// <param name="environment">Reads environment variables.</param>
    /// <param name="time">The clock by which the token is read again.</param>
    public static KubernetesConfiguration InCluster(string? folder = null, Func<string, string?>? environment = null, TimeProvider? time = null)
    {
        folder ??= ServiceAccountFolder;
        environment ??= Environment.GetEnvironmentVariable;
        var host = Required(environment, "KUBERNETES_SERVICE_HOST");
        var port = Required(environment, "KUBERNETES_SERVICE_PORT");
        var authority = IPAddress.TryParse(host, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{host}]" : host;
        if (!Uri.TryCreate($"https://{authority}:{port}", UriKind.Absolute, out var server))
        {
            throw new KubernetesConfigurationException("environment", "KUBERNETES_SERVICE_HOST", $"\"{host}\" and port \"{port}\" make no address");
        }

        var token = Path.Combine(folder, "token");
        if (!File.Exists(token))
        {
            throw new KubernetesConfigurationException(token, "", "no such file: is a service account mounted?");
        }

        var authorities = Path.Combine(folder, "ca.crt");
        var ns = Path.Combine(folder, "namespace");
        try
        {
            return new KubernetesConfiguration
            {
                Server = server,
                Authorities = PemFiles.Bundle(File.ReadAllText(authorities)),
                Credential = new TokenFileCredential(token, null, time ?? TimeProvider.System),
                Namespace = File.Exists(ns) ? File.ReadAllText(ns).Trim() : "default",
            };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new KubernetesConfigurationException(authorities, "", error.Message, error);
        }
    }

    private static string Required(Func<string, string?> environment, string name)
        => environment(name) is { Length: > 0 } value ? value : throw new KubernetesConfigurationException("environment", name, "is not set");
}
