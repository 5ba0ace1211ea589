using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Serving.Kubernetes;

/// <summary>A kubeconfig, maybe of several files, as kubectl understands it.</summary>
internal sealed class Kubeconfig
{
    /// <summary>The extension of a cluster that is meant for plugins.</summary>
    private const string PluginExtension = "client.authentication.k8s.io/exec";

    private readonly List<(string File, JsonObject Root)> _files = [];
    private readonly string _name;

    public Kubeconfig(string files)
    {
        _name = files;
        foreach (var file in files.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            if (File.Exists(file))
            {
                _files.Add((file, Read(file)));
            }
        }

        if (_files.Count == 0)
        {
            throw new KubernetesConfigurationException(files, "", "no such file");
        }
    }

    public KubernetesConfiguration Resolve(string? contextName, TimeProvider time)
    {
        contextName ??= _files.Select(file => Text(file.Root, "current-context")).FirstOrDefault(name => name is not null)
            ?? throw new KubernetesConfigurationException(_name, "current-context", "is not set");
        var context = Named("contexts", "context", contextName);
        var clusterName = Text(context.Body, "cluster") ?? throw context.Problem("cluster", "is not set");
        var cluster = Named("clusters", "cluster", clusterName);
        var server = Text(cluster.Body, "server") ?? throw cluster.Problem("server", "is not set");
        if (!Uri.TryCreate(server, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw cluster.Problem("server", $"\"{server}\" is not an http or https address");
        }

        Uri? proxy = null;
        if (Text(cluster.Body, "proxy-url") is { } through && !Uri.TryCreate(through, UriKind.Absolute, out proxy))
        {
            throw cluster.Problem("proxy-url", $"\"{through}\" is not an address");
        }

        var user = Text(context.Body, "user") is { } userName ? Named("users", "user", userName) : null;
        return new KubernetesConfiguration
        {
            Server = address,
            Proxy = proxy,
            SkipTlsVerify = Flag(cluster, "insecure-skip-tls-verify"),
            TlsServerName = Text(cluster.Body, "tls-server-name"),
            Authorities = Pem(cluster, "certificate-authority") is var (pem, field) ? Crypto(cluster, field, () => PemFiles.Bundle(pem)) : null,
            Namespace = Text(context.Body, "namespace") ?? "default",
            Credential = user is null ? null : CredentialOf(user, cluster, time),
            Impersonation = user is null ? null : ImpersonationOf(user),
        };
    }

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

    private static string? Text(JsonObject from, string name) => from[name]?.ToString() is { Length: > 0 } text ? text : null;

    private static bool Flag(Entry entry, string name) => Text(entry.Body, name) switch
    {
        null or "false" => false,
        "true" => true,
        var other => throw entry.Problem(name, $"\"{other}\" is neither true nor false"),
    };

    private static T Crypto<T>(Entry entry, string field, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (CryptographicException error)
        {
            throw entry.Problem(field, error.Message, error);
        }
    }

    private static (string Pem, string Field)? Pem(Entry entry, string field)
    {
        var data = field + "-data";
        if (Text(entry.Body, data) is { } encoded)
        {
            try
            {
                return (Encoding.UTF8.GetString(Convert.FromBase64String(encoded)), data);
            }
            catch (FormatException error)
            {
                throw entry.Problem(data, "is not base64", error);
            }
        }

        return Text(entry.Body, field) is { } path ? (entry.ReadFile(field, path), field) : null;
    }

    private static ICredentialSource CredentialOf(Entry user, Entry cluster, TimeProvider time)
    {
        X509Certificate2? certificate = null;
        if (Pem(user, "client-certificate") is var (pem, field))
        {
            var key = Pem(user, "client-key") ?? throw user.Problem("client-key-data", "is not set, but a client certificate is");
            certificate = Crypto(user, field, () => PemFiles.Certificate(pem, key.Pem));
        }

        if (Text(user.Body, "tokenFile") is { } tokenFile)
        {
            user.ReadFile("tokenFile", tokenFile);
            return new TokenFileCredential(user.PathOf(tokenFile), certificate, time);
        }

        if (Text(user.Body, "token") is { } token)
        {
            return new StaticCredential($"Bearer {token}", certificate);
        }

        if (Text(user.Body, "username") is { } name)
        {
            var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{Text(user.Body, "password")}"));
            return new StaticCredential($"Basic {basic}", certificate);
        }

        if (user.Body["exec"] is JsonObject exec)
        {
            return new ExecCredential(PluginOf(user, exec, cluster), time);
        }

        return user.Body.ContainsKey("auth-provider")
            ? throw user.Problem("auth-provider", "is no longer supported by Kubernetes; use exec")
            : new StaticCredential(null, certificate);
    }

    private static ExecCredential.Plugin PluginOf(Entry user, JsonObject exec, Entry cluster)
    {
        var command = Text(exec, "command") ?? throw user.Problem("exec.command", "is not set");
        if (command.Contains('/', StringComparison.Ordinal))
        {
            command = user.PathOf(command);
        }

        var version = Text(exec, "apiVersion") ?? throw user.Problem("exec.apiVersion", "is not set");
        if (version is not ("client.authentication.k8s.io/v1" or "client.authentication.k8s.io/v1beta1"))
        {
            throw user.Problem("exec.apiVersion", $"\"{version}\" is not supported");
        }

        var environment = new Dictionary<string, string>();
        foreach (var variable in (exec["env"] as JsonArray ?? []).OfType<JsonObject>())
        {
            environment[Text(variable, "name") ?? throw user.Problem("exec.env", "has an entry without name")] = Text(variable, "value") ?? "";
        }

        var mode = Text(exec, "interactiveMode") ?? "IfAvailable";
        if (mode is not ("Never" or "IfAvailable" or "Always"))
        {
            throw user.Problem("exec.interactiveMode", $"\"{mode}\" is none of Never, IfAvailable and Always");
        }

        return new ExecCredential.Plugin(
            user.File, user.Field("exec"), command, [.. (exec["args"] as JsonArray ?? []).Select(a => a?.ToString() ?? "")], environment, version,
            Text(exec, "provideClusterInfo") == "true" ? ClusterInfo(cluster) : null)
        {
            InteractiveMode = mode,
            InstallHint = Text(exec, "installHint") ?? "",
        };
    }

    /// <summary>The cluster as a plugin is told of it: with what its entry says for plugins, without what is not set.</summary>
    private static string ClusterInfo(Entry cluster)
    {
        var info = new JsonObject { ["server"] = Text(cluster.Body, "server") };
        foreach (var name in new[] { "tls-server-name", "proxy-url" })
        {
            if (Text(cluster.Body, name) is { } value)
            {
                info[name] = value;
            }
        }

        foreach (var name in new[] { "insecure-skip-tls-verify", "disable-compression" })
        {
            if (Flag(cluster, name))
            {
                info[name] = true;
            }
        }

        if (Pem(cluster, "certificate-authority") is var (pem, _))
        {
            info["certificate-authority-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(pem));
        }

        foreach (var extension in (cluster.Body["extensions"] as JsonArray ?? []).OfType<JsonObject>().Where(entry => Text(entry, "name") == PluginExtension))
        {
            info["config"] = extension["extension"]?.DeepClone();
        }

        return info.ToJsonString();
    }

    /// <summary>Whom the user acts as; null for himself.</summary>
    private static Impersonation? ImpersonationOf(Entry user)
    {
        var (name, uid) = (Text(user.Body, "as"), Text(user.Body, "as-uid"));
        var groups = (user.Body["as-groups"] as JsonArray ?? []).Select(group => group?.ToString() ?? "").ToList();
        var extra = (user.Body["as-user-extra"] as JsonObject ?? [])
            .ToDictionary(pair => pair.Key, pair => (IReadOnlyList<string>)[.. (pair.Value as JsonArray ?? []).Select(value => value?.ToString() ?? "")]);
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

    private Entry Named(string list, string inner, string name)
    {
        foreach (var (file, root) in _files)
        {
            foreach (var item in (root[list] as JsonArray ?? []).OfType<JsonObject>())
            {
                if (Text(item, "name") == name)
                {
                    return new Entry(file, $"{list}[{name}].{inner}", item[inner] as JsonObject ?? []);
                }
            }
        }

        throw new KubernetesConfigurationException(_name, list, $"has no \"{name}\"");
    }

    /// <summary>A named entry: its file, so that relative paths and complaints are right, and its body.</summary>
    private sealed record Entry(string File, string Prefix, JsonObject Body)
    {
        public string Field(string name) => $"{Prefix}.{name}";

        public KubernetesConfigurationException Problem(string name, string problem, Exception? inner = null) => new(File, Field(name), problem, inner);

        public string PathOf(string path) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(File))!, path);

        public string ReadFile(string name, string path)
        {
            try
            {
                return System.IO.File.ReadAllText(PathOf(path));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw Problem(name, $"{PathOf(path)} cannot be read: {error.Message}", error);
            }
        }
    }
}
