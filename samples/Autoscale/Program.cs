using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Samples;

// Load for an autoscaler: ?sleep=MILLISECONDS waits, ?prime=N computes, ?bloat=MEBIBYTES allocates, and
// ?concurrency returns the number of requests in flight in this instance. They can be combined and run in parallel.
const int maxSleep = 600_000;
const int maxPrime = 50_000_000;
const int maxBloat = 4096;
var inFlight = 0;

await SampleServer.RunAsync(async context =>
{
    var concurrency = Interlocked.Increment(ref inFlight);
    try
    {
        await AnswerAsync(context, concurrency);
    }
    finally
    {
        Interlocked.Decrement(ref inFlight);
    }
});

static async Task AnswerAsync(HttpContext context, int concurrency)
{
    var query = context.Request.Query;
    if (
        !TryRead(query["sleep"], maxSleep, out var sleep)
        || !TryRead(query["prime"], maxPrime, out var prime)
        || !TryRead(query["bloat"], maxBloat, out var bloat)
    )
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        await WriteAsync(context, $"sleep takes 0 to {maxSleep} milliseconds, prime 0 to {maxPrime}, bloat 0 to {maxBloat} MiB.\n");
        return;
    }

    var parts = await Task.WhenAll(
        prime > 0 ? Task.Run(() => LargestPrime(prime)) : Task.FromResult(""),
        bloat > 0 ? Task.Run(() => Bloat(bloat)) : Task.FromResult(""),
        sleep > 0 ? SleepAsync(sleep, context.RequestAborted) : Task.FromResult("")
    );
    var text = string.Concat(parts);
    if (query.ContainsKey("concurrency"))
    {
        text += $"Requests in flight: {concurrency}.\n";
    }

    await WriteAsync(context, text.Length > 0 ? text : "Ask for ?sleep=MILLISECONDS, ?prime=N, ?bloat=MEBIBYTES or ?concurrency.\n");
}

// Absent is 0; anything except a number within bounds is rejected.
static bool TryRead(string? text, int most, out int value)
{
    value = 0;
    return string.IsNullOrEmpty(text) || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= most);
}

static async Task<string> SleepAsync(int milliseconds, CancellationToken aborted)
{
    var watch = Stopwatch.StartNew();
    await Task.Delay(milliseconds, aborted);
    return $"Slept for {watch.Elapsed.TotalMilliseconds:0.00} milliseconds.\n";
}

// The sieve of Eratosthenes.
static string LargestPrime(int below)
{
    var composite = new bool[below + 1];
    for (var factor = 2; (long)factor * factor <= below; factor++)
    {
        for (var multiple = (long)factor * factor; !composite[factor] && multiple <= below; multiple += factor)
        {
            composite[multiple] = true;
        }
    }

    for (var candidate = below; candidate >= 2; candidate--)
    {
        if (!composite[candidate])
        {
            return $"The largest prime up to {below} is {candidate}.\n";
        }
    }

    return $"There is no prime up to {below}.\n";
}

// Touches every page, so that the memory is really used.
static string Bloat(int mebibytes)
{
    var blocks = new List<byte[]>(mebibytes);
    for (var i = 0; i < mebibytes; i++)
    {
        var block = new byte[1024 * 1024];
        for (var page = 0; page < block.Length; page += 4096)
        {
            block[page] = 1;
        }

        blocks.Add(block);
    }

    return $"Allocated {blocks.Sum(b => (long)b.Length) / (1024 * 1024)} MiB of memory.\n";
}

static async Task WriteAsync(HttpContext context, string text)
{
    var body = Encoding.UTF8.GetBytes(text);
    context.Response.ContentType = "text/plain; charset=utf-8";
    context.Response.ContentLength = body.Length;
    await context.Response.Body.WriteAsync(body);
}
