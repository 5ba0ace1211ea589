using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using Serving.Kubernetes.Yaml;

namespace Serving.Kubernetes.Access;

/// <summary>
/// Reads kubeconfigs into the package's model, from which it builds its configuration. The package's own reader spends 200 ms on
/// reflection, ignores <c>tokenFile</c>, <c>proxy-url</c> and <c>as-uid</c>, runs exec plugins while it reads, and its errors name neither
/// file nor field.
/// </summary>
internal sealed class Kubeconfig
{
    private readonly List<(string File, JsonObject Root)> _files = [];
    private readonly string _name;

    /// <param name="files">One file, or several as in <c>KUBECONFIG</c>; files that do not exist are skipped.</param>
    public Kubeconfig(string files)
    {
        _name = files;
        foreach (var file in files.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Where(File.Exists))
        {
            _files.Add((file, Read(file)));
        }

        if (_files.Count == 0)
        {
            throw new KubernetesConfigurationException(files, "", "no such file");
        }
    }

    /// <summary>The access of a context. Throws <see cref="KubernetesConfigurationException"/>.</summary>
    public ClusterAccess Resolve(string? contextName, TimeProvider time)
    {
        contextName ??=
            _files.Select(file => KubeconfigEntry.TextOf(file.Root, "current-context")).FirstOrDefault(name => name is not null)
            ?? throw new KubernetesConfigurationException(_name, "current-context", "is not set");
        var context = Named("contexts", "context", contextName);
        var cluster = Named("clusters", "cluster", context.Required("cluster"));
        var user = context.Text("user") is { } userName ? Named("users", "user", userName) : null;
        var authority = cluster.Pem("certificate-authority");
        var configuration = Build(context, ClusterOf(cluster), user is null ? null : CredentialsOf(user));
        configuration.Username ??= user?.Text("username");
        if (configuration.TokenProvider is { } provider)
        {
            configuration.TokenProvider = new SharedTokens(provider);
        }

        return new ClusterAccess
        {
            Configuration = configuration,
            Credential = user is null ? null : RefreshableOf(user, cluster, time),
            Impersonation = user is null ? null : ImpersonationOf(user),
            Proxy = cluster.Address("proxy-url"),
            Trust =
                authority is null || cluster.Flag("insecure-skip-tls-verify")
                    ? null
                    : new ServerTrust(cluster.Crypto(authority.Field, () => ServerTrust.Parse(authority.Text)), authority.File),
        };
    }

    private static KubernetesClientConfiguration Build(KubeconfigEntry context, ClusterEndpoint cluster, UserCredentials? user)
    {
        const string Name = "it";
        try
        {
            var configuration = KubernetesClientConfiguration.BuildConfigFromConfigObject(
                new K8SConfiguration
                {
                    CurrentContext = Name,
                    Contexts =
                    [
                        new Context
                        {
                            Name = Name,
                            ContextDetails = new ContextDetails { Cluster = Name, User = user is null ? null : Name },
                        },
                    ],
                    Clusters = [new Cluster { Name = Name, ClusterEndpoint = cluster }],
                    Users = [new User { Name = Name, UserCredentials = user }],
                }
            );
            configuration.Namespace = context.Text("namespace") ?? "default";
            return configuration;
        }
        catch (KubeConfigException error)
        {
            throw new KubernetesConfigurationException(context.File, "", error.Message, error);
        }
    }

    private static ClusterEndpoint ClusterOf(KubeconfigEntry cluster)
    {
        var server = cluster.Required("server");
        return cluster.Address("server") is { Scheme: "http" or "https" }
            ? new ClusterEndpoint
            {
                Server = server,
                TlsServerName = cluster.Text("tls-server-name"),
                SkipTlsVerify = cluster.Flag("insecure-skip-tls-verify"),
            }
            : throw cluster.Problem("server", $"\"{server}\" is not an http or https address");
    }

    /// <summary>Converts a user to the package's model; null when it has no credentials, which the package would reject.</summary>
    private static UserCredentials? CredentialsOf(KubeconfigEntry user)
    {
        var credentials = new UserCredentials
        {
            Token = user.Text("token"),
            UserName = user.Text("username"),
            Password = user.Text("password"),
        };
        if (user.Pem("client-certificate") is { } certificate)
        {
            var key = user.Pem("client-key") ?? throw user.Problem("client-key-data", "is not set, but a client certificate is");
            user.Crypto(certificate.Field, () => CertificateOf(certificate.Text, key.Text)).Dispose();
            credentials.ClientCertificateData = Base64(certificate.Text);
            credentials.ClientKeyData = Base64(key.Text);
        }

        if (user.Text("tokenFile") is not null)
        {
            credentials.Token = credentials.UserName = null;
        }
        else if (user.Body["auth-provider"] is JsonObject provider)
        {
            credentials.AuthProvider = ProviderOf(user, provider);
        }

        var knows =
            credentials.Token is not null
            || (credentials.UserName is not null && credentials.Password is not null)
            || credentials.ClientCertificateData is not null
            || credentials.AuthProvider is not null;
        return knows ? credentials : null;
    }

    /// <summary>OIDC, the only auth provider that the package still supports.</summary>
    private static AuthProvider ProviderOf(KubeconfigEntry user, JsonObject provider)
    {
        if (KubeconfigEntry.TextOf(provider, "name") != "oidc")
        {
            throw user.Problem("auth-provider", "is no longer supported by Kubernetes; use exec");
        }

        var settings = (provider["config"] as JsonObject ?? []).ToDictionary(pair => pair.Key, pair => pair.Value?.ToString() ?? "");
        foreach (var needed in new[] { "client-id", "idp-issuer-url", "id-token", "refresh-token" })
        {
            if (string.IsNullOrEmpty(settings.GetValueOrDefault(needed)))
            {
                throw user.Problem($"auth-provider.config.{needed}", "is not set");
            }
        }

        return new AuthProvider { Name = "oidc", Config = settings };
    }

    private static IRefreshableCredential? RefreshableOf(KubeconfigEntry user, KubeconfigEntry cluster, TimeProvider time)
    {
        if (user.Text("tokenFile") is { } file)
        {
            user.ReadFile("tokenFile", file);
            return new TokenFile(user.PathOf(file));
        }

        return user.Text("token") is null && user.Text("username") is null && user.Body["exec"] is JsonObject exec
            ? new ExecCredential(ExecPlugin.Of(user, exec, cluster), time)
            : null;
    }

    /// <summary>The identity that the user impersonates; null for none.</summary>
    private static Impersonation? ImpersonationOf(KubeconfigEntry user)
    {
        var (name, uid) = (user.Text("as"), user.Text("as-uid"));
        var groups = (user.Body["as-groups"] as JsonArray ?? []).Select(group => group?.ToString() ?? "").ToList();
        var extra = (user.Body["as-user-extra"] as JsonObject ?? []).ToDictionary(
            pair => pair.Key,
            pair => (IReadOnlyList<string>)[.. (pair.Value as JsonArray ?? []).Select(value => value?.ToString() ?? "")]
        );
        if (name is null)
        {
            return uid is null && groups.Count == 0 && extra.Count == 0
                ? null
                : throw user.Problem("as", "is not set, but a uid, groups or extra to act with are");
        }

        if (groups.Count > 1)
        {
            throw user.Problem("as-groups", "has several groups; only one can be sent");
        }

        foreach (var (key, values) in extra)
        {
            if (values.Count != 1)
            {
                throw user.Problem($"as-user-extra[{key}]", $"has {values.Count} values; only one can be sent");
            }
        }

        return Impersonation.Of(name, uid, groups.SingleOrDefault(), extra.ToDictionary(pair => pair.Key, pair => pair.Value[0]));
    }

    /// <summary>A certificate with its key. Throws <see cref="CryptographicException"/>.</summary>
    internal static X509Certificate2 CertificateOf(string certificatePem, string keyPem)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificatePem, keyPem);
        }
        catch (ArgumentException error)
        {
            throw new CryptographicException("certificate and key do not match or are not PEM", error);
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static JsonObject Read(string file)
    {
        try
        {
            return (YamlDocuments.Read(File.ReadAllText(file)) is [var first, ..] ? first as JsonObject : null)
                ?? throw new KubernetesConfigurationException(file, "", "is empty");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new KubernetesConfigurationException(file, "", error.Message, error);
        }
    }

    private KubeconfigEntry Named(string list, string inner, string name)
    {
        foreach (var (file, root) in _files)
        {
            foreach (var item in (root[list] as JsonArray ?? []).OfType<JsonObject>())
            {
                if (KubeconfigEntry.TextOf(item, "name") == name)
                {
                    return new KubeconfigEntry(file, $"{list}[{name}].{inner}", item[inner] as JsonObject ?? []);
                }
            }
        }

        throw new KubernetesConfigurationException(_name, list, $"has no \"{name}\"");
    }
}
