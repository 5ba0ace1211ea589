namespace Serving.Kubernetes.Access;

/// <summary>A client configuration or a manifest is invalid. The message is one line that names the file and the field.</summary>
public sealed class KubernetesConfigurationException : Exception
{
    /// <param name="file">The file, or <c>environment</c>.</param>
    /// <param name="field">The field in it, such as <c>users[admin].user.token</c>; empty for the whole file.</param>
    /// <param name="problem">What is wrong with it.</param>
    /// <param name="inner">The cause.</param>
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
