// The optimal values of small quadratic assignment problems, by branch and bound with the Gilmore-Lawler bound
// (Gilmore 1962, Lawler 1963): an oracle that shares nothing with the solvers it judges.
//
// stdin: count, then per instance n, an upper bound that is attained, A and B (integers, row by row, any sign, any diagonal).
// stdout: per instance the optimal value, which is the upper bound where nothing better exists.
#include <algorithm>
#include <cstdio>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

using Int = int64_t;
constexpr int MOST = 16;

struct Search {
  int n;
  Int A[MOST][MOST], B[MOST][MOST], best;
  int place[MOST];
  bool used[MOST];

  // Hungarian method with potentials, O(m^3); `u` and `v` are left optimal duals, c[i][j] - u[i] - v[j] >= 0.
  static Int assign(int m, const Int c[MOST][MOST], Int* u, Int* v) {
    Int U[MOST + 1] = {}, V[MOST + 1] = {}, least[MOST + 1];
    int row[MOST + 1] = {}, way[MOST + 1];
    bool seen[MOST + 1];
    for (int i = 1; i <= m; i++) {
      row[0] = i;
      int j0 = 0;
      std::fill(least, least + m + 1, std::numeric_limits<Int>::max());
      std::fill(seen, seen + m + 1, false);
      do {
        seen[j0] = true;
        int i0 = row[j0], j1 = 0;
        Int delta = std::numeric_limits<Int>::max();
        for (int j = 1; j <= m; j++)
          if (!seen[j]) {
            Int cur = c[i0 - 1][j - 1] - U[i0] - V[j];
            if (cur < least[j]) least[j] = cur, way[j] = j0;
            if (least[j] < delta) delta = least[j], j1 = j;
          }
        for (int j = 0; j <= m; j++)
          if (seen[j]) U[row[j]] += delta, V[j] -= delta;
          else least[j] -= delta;
        j0 = j1;
      } while (row[j0] != 0);
      do {
        row[j0] = row[way[j0]];
        j0 = way[j0];
      } while (j0);
    }
    for (int i = 0; i < m; i++) u[i] = U[i + 1], v[i] = V[i + 1];
    return -V[0];
  }

  // Facilities whose flows vary most come first: the bound then rises soonest, and the optimal value is the same.
  void arrange() {
    double spread[MOST] = {};
    for (int i = 0; i < n; i++) {
      double mean = std::accumulate(A[i], A[i] + n, 0.0) / n;
      for (int j = 0; j < n; j++) spread[i] += (A[i][j] - mean) * (A[i][j] - mean);
    }
    int order[MOST];
    std::iota(order, order + n, 0);
    std::sort(order, order + n, [&](int i, int j) { return spread[i] > spread[j]; });
    Int given[MOST][MOST];
    std::copy(&A[0][0], &A[0][0] + MOST * MOST, &given[0][0]);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) A[i][j] = given[order[i]][order[j]];
  }

  // Facilities 0 to depth - 1 are placed and cost `sum` among themselves.
  void branch(int depth, Int sum) {
    if (depth == n) {
      best = std::min(best, sum);
      return;
    }
    int m = n - depth, free[MOST], count = 0;
    for (int q = 0; q < n; q++)
      if (!used[q]) free[count++] = q;
    Int cost[MOST][MOST], u[MOST], v[MOST];
    // Flows off the diagonal ascending, distances descending: their products sum to the least possible.
    Int flows[MOST][MOST], ways[MOST][MOST];
    for (int a = 0; a < m; a++) {
      for (int b = 0, k = 0; b < m; b++)
        if (b != a) flows[a][k] = A[depth + a][depth + b], ways[a][k] = B[free[a]][free[b]], k++;
      std::sort(flows[a], flows[a] + m - 1);
      std::sort(ways[a], ways[a] + m - 1, std::greater<Int>());
    }
    for (int a = 0; a < m; a++)
      for (int q = 0; q < m; q++) {
        int i = depth + a, at = free[q];
        Int c = A[i][i] * B[at][at];
        for (int k = 0; k < depth; k++) c += A[i][k] * B[at][place[k]] + A[k][i] * B[place[k]][at];
        c += std::inner_product(flows[a], flows[a] + m - 1, ways[q], Int{0});
        cost[a][q] = c;
      }
    Int bound = sum + assign(m, cost, u, v);
    if (bound >= best) return;
    std::vector<std::pair<Int, int>> order;
    for (int q = 0; q < m; q++) order.push_back({cost[0][q] - u[0] - v[q], free[q]});
    std::sort(order.begin(), order.end());
    for (auto [reduced, at] : order) {
      if (bound + reduced >= best) break;
      Int more = A[depth][depth] * B[at][at];
      for (int k = 0; k < depth; k++) more += A[depth][k] * B[at][place[k]] + A[k][depth] * B[place[k]][at];
      place[depth] = at, used[at] = true;
      branch(depth + 1, sum + more);
      used[at] = false;
    }
  }
};

int main() {
  int count;
  if (std::scanf("%d", &count) != 1) return 1;
  while (count--) {
    Search s{};
    if (std::scanf("%d %ld", &s.n, &s.best) != 2 || s.n > MOST) return 1;
    for (auto* M : {s.A, s.B})
      for (int i = 0; i < s.n; i++)
        for (int j = 0; j < s.n; j++)
          if (std::scanf("%ld", &M[i][j]) != 1) return 1;
    s.arrange();
    s.branch(0, 0);
    std::printf("%ld\n", s.best);
  }
}
