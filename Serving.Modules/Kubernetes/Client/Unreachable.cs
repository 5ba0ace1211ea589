using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Client;

/// <summary>Logs failures that affect all writes and watches with one text, because they have one cause.</summary>
internal static class Unreachable
{
    /// <summary>The API server is unreachable.</summary>
    public static void Log(ILogger logger, Exception error) =>
        logger.LogWarning("The API server is unreachable, retrying: {Error}", error.Message);

    /// <summary>The API server is reachable, but an admission webhook that it calls is not.</summary>
    public static void LogWebhook(ILogger logger, Exception error) =>
        logger.LogWarning("An admission webhook is unreachable, retrying writes that need it: {Error}", error.Message);
}
