using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Client;

/// <summary>Says what every write and watch meets alike in the same words for whoever finds out, since it is one cause.</summary>
internal static class Unreachable
{
    /// <summary>The API server is away.</summary>
    public static void Log(ILogger logger, Exception error) =>
        logger.LogWarning("The API server cannot be reached, what needs it is tried again: {Error}", error.Message);

    /// <summary>The API server is there, but an admission webhook that it must ask is not.</summary>
    public static void LogWebhook(ILogger logger, Exception error) =>
        logger.LogWarning("An admission webhook cannot be reached, writes that it must judge are tried again: {Error}", error.Message);
}
