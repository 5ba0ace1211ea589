namespace Serving.Kubernetes.Access;

/// <summary>A configuration of the client, or a manifest, cannot be used. The message is one line that names the file and the
/// field.</summary>
public sealed class KubernetesConfigurationException : Exception
{
    /// <param name="file">The file, or <c>environment</c>.</param>
    /// <param name="field">The field in it, as <c>users[admin].user.token</c>; empty for the whole file.</param>
    /// <param name="problem">What is wrong with it.</param>
    /// <param name="inner">What it came from.</param>
    public KubernetesConfigurationException(string file, string field, string problem, Exception? inner = null)
        : base(field.Length == 0 ? $"{file}: {problem}" : $"{file}: {field}: {problem}", inner)
    {
        File = file;
        Field = field;
    }

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The field.</summary>
    public string Field { get; }
}
