using System.Text;
using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer;

/// <summary>
/// Serves <c>/livez</c>, <c>/healthz</c> and <c>/readyz</c> as kube-apiserver does: <c>ok</c>, or one line per check when one fails or with
/// <c>?verbose</c>. <c>/readyz</c> includes the checks of the hosting process (<see cref="ApiServerOptions.Readiness"/>).
/// </summary>
internal sealed class HealthHandler(ObjectStore store, Func<CancellationToken, Task<IReadOnlyList<ReadinessCheck>>>? readiness)
{
    /// <summary>Handles a request for one of the paths, or for one check below it.</summary>
    public async Task HandleAsync(HttpContext context, string[] segments)
    {
        var name = segments[0];
        List<ReadinessCheck> checks = [new("ping", null), new("storage", store.WriteProblem)];
        if (name == "readyz" && readiness is not null)
            checks.AddRange(await readiness(context.RequestAborted));
        if (segments is [_, var part])
        {
            checks.RemoveAll(check => check.Name != part);
            if (checks.Count == 0)
                throw ApiException.NoSuchPath();
        }

        var isWell = checks.All(check => check.Problem is null);
        var text = isWell && !context.Request.Query.ContainsKey("verbose") ? "ok" : Describe(name, checks, isWell);
        await Reply.TextAsync(context, isWell ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable, text);
    }

    private static string Describe(string name, List<ReadinessCheck> checks, bool isWell)
    {
        var text = new StringBuilder();
        foreach (var (part, problem) in checks)
            text.Append(problem is null ? $"[+]{part} ok\n" : $"[-]{part} failed: {problem.ReplaceLineEndings(" ")}\n");
        return text.Append(isWell ? $"{name} check passed\n" : $"{name} check failed\n").ToString();
    }
}
