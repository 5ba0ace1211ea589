namespace Serving.Controller.Revisions.Digests;

/// <summary>
/// The logins in the docker configuration file of this process, at the locations that clients use: <c>config.json</c> in
/// <c>DOCKER_CONFIG</c>, else in <c>~/.docker</c>; if neither exists, Podman's <c>REGISTRY_AUTH_FILE</c> or
/// <c>XDG_RUNTIME_DIR/containers/auth.json</c>. Credential helpers named in the file are not run. The file is read for every use, so that a
/// mounted Secret may change.
/// </summary>
/// <param name="environment">Reads an environment variable; null for those of this process.</param>
public sealed class LocalDockerConfig(Func<string, string?>? environment = null)
{
    private const long MaxLength = 1024 * 1024;

    private readonly Func<string, string?> _environment = environment ?? Environment.GetEnvironmentVariable;

    /// <summary>The login for an image (<c>registry/repository</c>), or null; throws <see cref="FormatException"/> when the file is
    /// invalid.</summary>
    internal RegistryCredential? Find(string image)
    {
        if (Candidates().FirstOrDefault(File.Exists) is not { } path)
        {
            return null;
        }

        try
        {
            if (new FileInfo(path).Length > MaxLength)
            {
                throw new FormatException($"docker configuration {path}: it is longer than {MaxLength} bytes");
            }

            var config = new DockerConfig();
            config.AddJson(File.ReadAllBytes(path));
            return config.Find(image);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"docker configuration {path}: {error.Message}", error);
        }
    }

    private IEnumerable<string> Candidates()
    {
        if (Variable("DOCKER_CONFIG") is { } folder)
        {
            yield return Path.Combine(folder, "config.json");
        }
        else if (Variable("HOME") is { } home)
        {
            yield return Path.Combine(home, ".docker", "config.json");
        }

        if (Variable("REGISTRY_AUTH_FILE") is { } file)
        {
            yield return file;
        }

        if (Variable("XDG_RUNTIME_DIR") is { } runtime)
        {
            yield return Path.Combine(runtime, "containers", "auth.json");
        }
    }

    private string? Variable(string name) => _environment(name) is { Length: > 0 } value ? value : null;
}
