using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Serving.Kubernetes.Access;

/// <summary>A context, cluster or user of a kubeconfig, with its file, so that relative paths and errors are right.</summary>
/// <param name="File">The file.</param>
/// <param name="Prefix">The path of the entry's field, such as <c>users[admin].user</c>.</param>
/// <param name="Body">The entry.</param>
internal sealed record KubeconfigEntry(string File, string Prefix, JsonObject Body)
{
    /// <summary>PEM text, the field it was read from, and its file, if any.</summary>
    internal sealed record PemText(string Text, string Field, string? File);

    /// <summary>A field as text; null when it is missing or empty.</summary>
    public static string? TextOf(JsonObject from, string name) => from[name]?.ToString() is { Length: > 0 } text ? text : null;

    /// <summary>A field as text; null when it is missing or empty.</summary>
    public string? Text(string name) => TextOf(Body, name);

    /// <summary>A required field.</summary>
    public string Required(string name) => Text(name) ?? throw Problem(name, "is not set");

    /// <summary>A boolean field.</summary>
    public bool Flag(string name) =>
        Text(name) switch
        {
            null or "false" => false,
            "true" => true,
            var other => throw Problem(name, $"\"{other}\" is neither true nor false"),
        };

    /// <summary>A field that is a URI; null when it is missing.</summary>
    public Uri? Address(string name) =>
        Text(name) switch
        {
            null => null,
            var text => Uri.TryCreate(text, UriKind.Absolute, out var address)
                ? address
                : throw Problem(name, $"\"{text}\" is not an address"),
        };

    /// <summary>The full name of a field.</summary>
    public string Field(string name) => $"{Prefix}.{name}";

    /// <summary>An error about a field.</summary>
    public KubernetesConfigurationException Problem(string name, string problem, Exception? inner = null) =>
        new(File, Field(name), problem, inner);

    /// <summary>Resolves a path relative to the file's folder.</summary>
    public string PathOf(string path) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(File))!, path);

    /// <summary>The PEM text of a field, or of the field with the suffix <c>-data</c>; null when both are missing.</summary>
    public PemText? Pem(string field)
    {
        var data = field + "-data";
        if (Text(data) is { } encoded)
        {
            try
            {
                return new PemText(Encoding.UTF8.GetString(Convert.FromBase64String(encoded)), data, null);
            }
            catch (FormatException error)
            {
                throw Problem(data, "is not base64", error);
            }
        }

        return Text(field) is { } path ? new PemText(ReadFile(field, path), field, PathOf(path)) : null;
    }

    /// <summary>Parses a field, and throws an error that names the field when it is not a key or certificate.</summary>
    public T Crypto<T>(string field, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (CryptographicException error)
        {
            throw Problem(field, error.Message, error);
        }
    }

    /// <summary>The text of a file that a field names.</summary>
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
