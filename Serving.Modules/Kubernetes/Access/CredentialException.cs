namespace Serving.Kubernetes.Access;

/// <summary>A credential could not be fetched; retrying later may help. The message is one line that names the file and the
/// field.</summary>
public sealed class CredentialException : Exception
{
    /// <param name="file">The kubeconfig.</param>
    /// <param name="field">The field in it, such as <c>users[admin].user.exec</c>.</param>
    /// <param name="problem">What failed.</param>
    /// <param name="inner">The cause.</param>
    public CredentialException(string file, string field, string problem, Exception? inner = null)
        : base($"{file}: {field}: {problem}", inner) { }
}
